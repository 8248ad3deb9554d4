#!/usr/bin/env python3
"""Holds documents, one a line, against a JSON Schema, and writes 1 for each that it takes and 0 for each that it refuses."""

import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for line in sys.stdin:
    print(int(validator.is_valid(json.loads(line))))
