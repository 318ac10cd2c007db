# SPDX-License-Identifier: Apache-2.0
"""conform.py DESCRIPTION < EXCHANGES: checks recorded answers against an OpenAPI description.

Each line of the input is {"method", "path" (of the description), "status", "body"}. Prints what
does not conform, a line each: a status that the description does not have, a body that its schema
does not allow (objects are closed as they are written), or a null anywhere.
"""
import json
import sys

import jsonschema_rs
import yaml


def has_null(value):
    if isinstance(value, dict):
        return any(has_null(item) for item in value.values())
    if isinstance(value, list):
        return any(has_null(item) for item in value)
    return value is None


class Description:
    def __init__(self, path):
        with open(path, encoding="utf-8") as text:
            self.tree = yaml.safe_load(text)
        self.validators = {}

    def follow(self, node):
        while "$ref" in node:
            at = self.tree
            for step in node["$ref"].removeprefix("#/").split("/"):
                at = at[step]
            node = at
        return node

    def validator(self, method, path, status):
        key = (method, path, status)
        if key not in self.validators:
            operation = self.tree["paths"][path][method.lower()]
            responses = {str(code): value for code, value in operation["responses"].items()}
            answer = responses.get(str(status))
            if answer is None:
                return "undescribed"
            content = self.follow(answer).get("content", {}).get("application/json")
            schema = content["schema"] if content else True
            if isinstance(schema, dict):
                schema = {**schema, "components": self.tree["components"]}
            self.validators[key] = jsonschema_rs.Draft202012Validator(schema)
        return self.validators[key]

    def complaints(self, method, path, status, body):
        validator = self.validator(method, path, status)
        if validator == "undescribed":
            yield f"status {status} is not described"
            return
        if has_null(body):
            yield "a null"
        for error in validator.iter_errors(body):
            yield f"{'/'.join(map(str, error.instance_path))}: {error.message}"


def main():
    description = Description(sys.argv[1])
    count = 0
    for line in sys.stdin:
        row = json.loads(line)
        count += 1
        for complaint in description.complaints(row["method"], row["path"], row["status"],
                                                row["body"]):
            print(f"{row['method']} {row['path']} {row['status']}: {complaint}: "
                  f"{json.dumps(row['body'])[:600]}")
    assert count > 0, "nothing to check"


if __name__ == "__main__":
    main()
