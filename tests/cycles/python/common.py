# SPDX-License-Identifier: Apache-2.0
"""What the programs of this folder share: the official client as the environment has it."""
import json
import logging
import os
import sys

from runcycles import Amount, CyclesClient, CyclesConfig, Unit

TENANT = os.environ["CYCLES_TENANT"]


def number(name, default):
    return int(os.environ.get(name, default))


def amount(value):
    return Amount(unit=Unit.USD_MICROCENTS, amount=value)


def client():
    return CyclesClient(CyclesConfig.from_env())


def good(response):
    assert response.is_success, (response.status, response.body)
    return response.body


def main(scenarios):
    """Runs the one that is named and prints what it knows as a line of JSON."""
    logging.disable(logging.CRITICAL)
    print(json.dumps(scenarios[sys.argv[1]]()), flush=True)
