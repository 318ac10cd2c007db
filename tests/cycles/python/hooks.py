# SPDX-License-Identifier: Apache-2.0
"""Hooks for the fuzzer. What it draws is about tenants and reservations that are not there, so most
of it would be refused at the door; half of what it draws is put about those that are.
"""
import os
import random

import schemathesis

TENANT = os.environ["CYCLES_TENANT"]
DRAW = random.Random(os.environ.get("PAWL_SEED", "1"))
RESERVATIONS = []


@schemathesis.hook
def before_call(context, case, kwargs):
    if DRAW.random() < 0.5:
        return
    if isinstance(case.body, dict):
        if isinstance(case.body.get("subject"), dict):
            case.body["subject"]["tenant"] = TENANT
        if isinstance(case.body.get("estimate"), dict):
            case.body["estimate"]["unit"] = DRAW.choice(("USD_MICROCENTS", "TOKENS"))
            case.body["estimate"]["amount"] = DRAW.randrange(1000)
        if isinstance(case.body.get("actual"), dict):
            case.body["actual"]["unit"] = DRAW.choice(("USD_MICROCENTS", "TOKENS"))
            case.body["actual"]["amount"] = DRAW.randrange(1000)
        key = case.body.get("idempotency_key")
        if isinstance(key, str) and isinstance(case.headers, dict | None.__class__):
            (case.headers or {}).pop("X-Idempotency-Key", None)
    if case.path_parameters and "reservation_id" in case.path_parameters and RESERVATIONS:
        case.path_parameters["reservation_id"] = DRAW.choice(RESERVATIONS)
    if case.query and "tenant" in case.query:
        case.query["tenant"] = TENANT


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code == 200 and case.path == "/v1/reservations" and case.method == "POST":
        made = response.json().get("reservation_id")
        if made:
            RESERVATIONS.append(made)
