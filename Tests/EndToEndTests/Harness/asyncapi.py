"""Holds recorded frames against the payloads that an AsyncAPI 3 document describes.

    asyncapi.py DOCUMENT < FRAMES

A line of FRAMES is a JSON object: `channel`, a key of the document's `channels`; `side`, `server`, `client`, or `refused` for a
client's frame that the server refused for its form; `text`, the frame.

Prints a line for each thing that is wrong, and ends with 1 then:
- a frame that is not exactly one of the messages that its side may send in its channel;
- a refused frame that the document allows;
- a field that no schema names, or that is twice in an object;
- a message that was never seen, and a field of a server's message that never was.

AsyncAPI's schemas are JSON Schema draft 7.
"""
import json
import re
import sys

import jsonschema_rs
import yaml

FORMATS = {
    'uuid': re.compile('[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}').fullmatch,
    # UTC, to the second, as the server writes it; no client's frame has one.
    'date-time': re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ').fullmatch,
}
# What a server's action is called from its own point of view.
ACTIONS = {'server': 'send', 'client': 'receive', 'refused': 'receive'}


def look_up(document, reference):
    for name in reference.removeprefix('#/').split('/'):
        document = document[name]
    return document


def resolved(document, schema):
    """The schema with what it refers to in place, and closed: other fields than those it names are none of its."""
    if isinstance(schema, list):
        return [resolved(document, each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if '$ref' in schema:
        assert len(schema) == 1, f'what stands beside a $ref is passed over: {schema}'
        return resolved(document, look_up(document, schema['$ref']))
    closed = {name: resolved(document, value) for name, value in schema.items()}
    if closed.get('type') == 'object' and 'properties' in closed:
        closed.setdefault('additionalProperties', False)
    return closed


def fields(schema, path=''):
    """Each field that a schema names, with the way to it."""
    for name, inner in schema.get('properties', {}).items():
        yield f'{path}.{name}'
        yield from fields(inner, f'{path}.{name}')
    if 'items' in schema:
        yield from fields(schema['items'], f'{path}[]')


def fields_of(value, path=''):
    """Each field that a value has."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f'{path}.{name}'
            yield from fields_of(inner, f'{path}.{name}')
    if isinstance(value, list):
        for inner in value:
            yield from fields_of(inner, f'{path}[]')


def without_equal_names(pairs):
    assert len(dict(pairs)) == len(pairs), f'a name is there twice: {[name for name, _ in pairs]}'
    return dict(pairs)


def main(path):
    with open(path, encoding='utf-8') as file:
        document = yaml.safe_load(file)
    # (channel, action) -> name of a message -> its schema, and what checks it.
    messages = {}
    for operation in document['operations'].values():
        channel = operation['channel']['$ref'].removeprefix('#/channels/')
        for reference in operation['messages']:
            message = look_up(document, reference['$ref'])
            name = message['$ref'].removeprefix('#/components/messages/')
            schema = resolved(document, look_up(document, message['$ref'])['payload'])
            validator = jsonschema_rs.Draft7Validator(
                schema, validate_formats=True, formats={name: lambda text, is_one=is_one: bool(is_one(text)) for name, is_one in FORMATS.items()})
            messages.setdefault((channel, operation['action']), {})[name] = (schema, validator)

    problems, seen = [], {}
    for line in sys.stdin:
        frame = json.loads(line)
        channel, side, text = frame['channel'], frame['side'], frame['text']
        try:
            value = json.loads(text, object_pairs_hook=without_equal_names)
        except (ValueError, AssertionError) as error:
            if side != 'refused':
                problems.append(f'{channel}, {side}: {error}: {text}')
            continue
        candidates = messages[channel, ACTIONS[side]]
        fitting = [name for name, (_, validator) in candidates.items() if validator.is_valid(value)]
        if side == 'refused':
            if fitting:
                problems.append(f'{channel}: {fitting[0]} allows what is refused: {text}')
            continue
        if len(fitting) != 1:
            problems.append(f'{channel}, {side}: fits {fitting or "nothing"}: {text}')
            # The schema of its type says why.
            for name, (schema, validator) in candidates.items():
                if schema['properties'].get('type', {}).get('const') == value.get('type'):
                    problems += [f'    {name}: {error.instance_path}: {error.message}' for error in validator.iter_errors(value)]
            continue
        seen.setdefault((channel, fitting[0]), set()).update(fields_of(value))

    for (channel, action), candidates in messages.items():
        for name, (schema, _) in candidates.items():
            if (channel, name) not in seen:
                problems.append(f'{channel}: {name} was never seen')
            elif action == 'send':
                problems += [f'{channel}: {name}{field} was never seen' for field in fields(schema) if field not in seen[channel, name]]
    print('\n'.join(problems) or f'{sum(map(len, messages.values()))} kinds of messages')
    return bool(problems)


sys.exit(main(sys.argv[1]))
