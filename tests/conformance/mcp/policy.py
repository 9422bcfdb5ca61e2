"""The permits of the conformance run: one for each tool, prompt and resource of the fixture, by name and under a condition on its typed arguments."""

# tool: what must hold of its arguments (an argument with a default is always there)
TOOLS = {
    "test_simple_text": "context.input.times >= 1 && context.input.times <= 5",
    "test_image_content": "context.input.size <= 64",
    "test_audio_content": 'context.input.volume.lessThanOrEqual(decimal("1.0"))',
    "test_embedded_resource": 'context.input.uri like "test://*"',
    "test_multiple_content_types": '["text", "image", "resource"].containsAll(context.input.kinds)',
    "test_tool_with_logging": "context.input.steps <= 3",
    "test_logging_tool": "context.input.steps <= 3",
    "test_error_handling": "!context.input.quiet",
    "test_tool_with_progress": "context.input.total == 100",
    "test_sampling": 'context.input.prompt like "Test prompt*"',
    "test_elicitation": 'context.input.message != ""',
    "test_elicitation_sep1034_defaults": 'context.input.title == "Defaults"',
    "test_elicitation_sep1330_enums": 'context.input.title == "Choose"',
    "test_elicitation_url": 'context.input.page like "https://example.com/*"',
    "test_roots": "context.input.most <= 10",
    "test_missing_capability": "context.input.strict",
    "test_streaming_elicitation": "context.input.steps == 1",
    "test_reconnection": "context.input.pause_ms <= 5000",
    "test_trigger_tool_change": "context.input.times == 1",
    "test_trigger_prompt_change": "context.input.times == 1",
    "test_touch_resource": 'context.input.uri like "test://*"',
    "test_x_mcp_header": 'context.input.region != "forbidden"',
    "test_meta": "context.input.deep",
    "test_wait": "context.input.ms <= 60000",
    "json_schema_2020_12_tool": 'context.input has name && context.input.name != "forbidden"',
    "test_input_required_result_elicitation": 'context.input.greeting == "Hello"',
    "test_input_required_result_sampling": 'context.input.country == "France"',
    "test_input_required_result_list_roots": "context.input.most <= 10",
    "test_input_required_result_request_state": 'context.input.label == "state"',
    "test_input_required_result_multiple_inputs": "context.input.tokens <= 50",
    "test_input_required_result_multi_round": "context.input.rounds == 2",
    "test_input_required_result_tampered_state": 'context.input.label == "sealed"',
    "test_input_required_result_capabilities": "context.input.most <= 3",
    "greet": 'context.input.name != ""',
    "slow_compute": 'context.input.seconds.lessThanOrEqual(decimal("60.0")) && context.input.label like "*"',
    "failing_job": 'context.input.seconds.lessThan(decimal("10.0"))',
    "protocol_error_job": "context.input.code == -32603",
    "confirm_delete": 'context.input.filename like "*.txt"',
    "multi_input": "context.input.most == 2",
    "test_tool_with_task": 'context.input.seconds.lessThan(decimal("10.0"))',
}
# prompt: the same of its arguments, which are texts
PROMPTS = {
    "test_simple_prompt": "true",
    "test_prompt_with_arguments": 'context.input.arguments.arg1 != "forbidden"',
    "test_prompt_with_embedded_resource": 'context.input.arguments.resourceUri like "test://*"',
    "test_prompt_with_image": "true",
    "test_input_required_result_prompt": "true",
}
TEMPLATE = "test://template/{id}/data"
RESOURCES = {"test://static-text": "==", "test://static-binary": "==", "test://watched-resource": "==", "test://nonexistent*": "like"}


def permit(name, action, condition):
    return f'@id("{name}")\npermit (principal == Agent::"reader", action == Action::"fixture/{action}", resource == Destination::"fixture")\nwhen {{ {condition} }};\n'


def permits():
    """name → text, of every permit."""
    all_of_them = {name: permit(name, name, condition) for name, condition in TOOLS.items()}
    for name, condition in PROMPTS.items():
        all_of_them[name] = permit(name, f"@prompts/{name}", condition)
    all_of_them[TEMPLATE] = permit(TEMPLATE, f"@resources/{TEMPLATE}", 'context.input.uri like "test://template/1*"')
    for uri, how in RESOURCES.items():
        all_of_them[uri] = permit(uri, "@resources", f'context.input has uri && context.input.uri {how} "{uri}"')
    return all_of_them


# Which scenarios change when a permit is taken away: those whose calls, lists or reads need it.
ASKS = "input-required-result-"
USES = {
    "test_simple_text": {"tools-call-simple-text"},
    "test_image_content": {"tools-call-image"},
    "test_audio_content": {"tools-call-audio"},
    "test_embedded_resource": {"tools-call-embedded-resource"},
    "test_multiple_content_types": {"tools-call-mixed-content"},
    "test_tool_with_logging": {"tools-call-with-logging"},
    "test_logging_tool": {"server-stateless"},
    "test_error_handling": {"tools-call-error"},
    "test_tool_with_progress": {"tools-call-with-progress"},
    "test_sampling": {"tools-call-sampling"},
    "test_elicitation": {"tools-call-elicitation"},
    "test_elicitation_sep1034_defaults": {"elicitation-sep1034-defaults"},
    "test_elicitation_sep1330_enums": {"elicitation-sep1330-enums"},
    "test_missing_capability": {"server-stateless"},
    "test_streaming_elicitation": {"server-stateless"},
    "test_trigger_tool_change": {"server-stateless"},
    "test_trigger_prompt_change": {"server-stateless"},
    "test_x_mcp_header": {"http-custom-header-server-validation"},
    "json_schema_2020_12_tool": {"json-schema-2020-12"},
    "test_input_required_result_elicitation": {ASKS + n for n in ("basic-elicitation", "ignore-extra-params", "missing-input-response", "result-type")},
    "test_input_required_result_sampling": {ASKS + "basic-sampling"},
    "test_input_required_result_list_roots": {ASKS + "basic-list-roots"},
    "test_input_required_result_request_state": {ASKS + "request-state"},
    "test_input_required_result_multiple_inputs": {ASKS + "multiple-input-requests"},
    "test_input_required_result_multi_round": {ASKS + "multi-round"},
    "test_input_required_result_tampered_state": {ASKS + "tampered-state"},
    "test_input_required_result_capabilities": {ASKS + "capability-check"},
    "greet": {"tasks-dispatch-and-envelope", "tasks-lifecycle", "tasks-request-headers"},
    "slow_compute": {"tasks-capability-negotiation", "tasks-dispatch-and-envelope", "tasks-lifecycle", "tasks-request-headers",
                     "tasks-request-state-removal", "tasks-wire-fields"},
    "failing_job": {"tasks-dispatch-and-envelope", "tasks-lifecycle", "tasks-required-task-error"},
    "protocol_error_job": {"tasks-lifecycle"},
    "confirm_delete": {"tasks-dispatch-and-envelope", "tasks-mrtr-input"},
    "multi_input": {"tasks-mrtr-input"},
    "test_tool_with_task": {"tasks-mrtr-composition"},
    "test_simple_prompt": {"prompts-get-simple"},
    "test_prompt_with_arguments": {"prompts-get-with-args", "completion-complete"},
    "test_prompt_with_embedded_resource": {"prompts-get-embedded-resource"},
    "test_prompt_with_image": {"prompts-get-with-image"},
    "test_input_required_result_prompt": {ASKS + "non-tool-request"},
    "test://static-text": {"resources-read-text"},
    "test://static-binary": {"resources-read-binary"},
    "test://watched-resource": {"resources-subscribe", "resources-unsubscribe"},
    TEMPLATE: {"resources-templates-read"},
    "test://nonexistent*": {"sep-2164-resource-not-found"},
}


def uses(name, scenarios):
    return USES.get(name, set()) & scenarios
