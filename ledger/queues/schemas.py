"""JSON schemas, checked by the library `jsonschema`."""

from __future__ import annotations

from typing import Any

from ledger.process.packages import REMOTE, library


def schema_problem(schema: Any) -> str:
    """Why a value is no JSON schema; "" if it is one."""
    jsonschema = library("jsonschema", REMOTE)
    try:
        jsonschema.validators.validator_for(schema).check_schema(schema)
    except jsonschema.SchemaError as error:
        return str(error.message)
    return ""


def problem_of(value: Any, schema: dict[str, Any]) -> str:
    """Where and why a value does not fit the schema; "" if it does."""
    jsonschema = library("jsonschema", REMOTE)
    validator = jsonschema.validators.validator_for(schema)(schema)
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    return "" if error is None else f"{error.json_path}: {error.message}"
