"""The facts of the event reference, kept apart from the catalog so that it cannot drift unseen.

Typed in by hand from the reference's tables: which events there are, and which labels each one shows.
Nothing here is read from the YAML, and nothing says whether a field is required or of which type.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

Events = Mapping[str, AbstractSet[str]]
"""Title of an event -> the labels it shows beyond its level's own."""

LEVELS: dict[str, AbstractSet[str]] = {
    "account": {"User ID", "IP Address"},
    "tool": {"User ID", "IP Address", "Tool ID"},
}

NOTHING: frozenset[str] = frozenset()
EMAIL = {"Email ID"}
ROLE = {"Role ID"}
APP = {"App ID"}
INTEGRATION = {"Integration Name", "Integration ID", "Integration Type"}
MODEL = {"Model ID", "Model Name", "Model Type"}  # Model Type: "also shown for" all seven events
RUN_MODEL = MODEL | {"Hardware Type"}
MODEL_ACCESS = {"Deployment Name", "Connection Name"}
FINE_TUNING = {
    "Training method", "No. of epochs", "Batch size", "Learning rate", "Training dataset", "Test dataset",
    "Weights and Biases",
}  # fmt: skip
DEPLOYMENT = {
    "Temperature", "Max length", "Top p", "Top k", "Stop sequence", "Inference batch size", "Min replicas",
    "Max replicas", "Scale up delay", "Scale down delay",
}  # fmt: skip
TOOL = {"Tool ID", "Tool Name"}
NODE = {"Agent ID", "Node name", "Node ID", "Node Type"}
PROMPT = {"Prompt ID"}
NAMED_PROMPT = PROMPT | {"Prompt Name"}
GENERATION = {"Model name", "Model ID", "Tokens consumed"}
CUSTOM_SCRIPT = {"User Name", "Custom Script Name"}
GUARDRAIL = {"Guardrail Name", "Guardrail ID", "Hardware Type"}
SCRIPT = NODE | {"User Name"}
TOOL_DEPLOYMENT = {"Tool version", "API mode", "URL"}
TOOL_VERSION = {"Version ID"}
ASYNC_MODE = {"URL", "Access token", "Timeout", "Timeout value"}

ACCOUNT: dict[str, Events] = {
    "Login/Logout": {
        "Login": EMAIL | {"Login method"},
        "Logout": EMAIL,
    },
    "Roles": {
        "Role edited": ROLE,
        "Role created": ROLE | {"Role Type"},
        "Role deleted": ROLE | {"Role Type"},
        "Role changed": NOTHING,
    },
    "App API Key": {
        "App API Key created": NOTHING,
        "App API key deleted": NOTHING,
    },
    "API App": {
        "API App created": APP,
        "API App deleted": APP,
        "API App updated": APP,
    },
    "Integrations": {
        "Integration added": INTEGRATION,
        "Integration deleted": INTEGRATION,
        "Integration disabled": INTEGRATION,
        "Integration edited": INTEGRATION,
    },
    "Models": {
        "Model added": MODEL | MODEL_ACCESS,
        "Model deleted": MODEL | MODEL_ACCESS,
        "API Key created": MODEL,
        "API Key deleted": MODEL,
        "Model fine-tuning": RUN_MODEL | FINE_TUNING,
        "Model deployed": RUN_MODEL | DEPLOYMENT,
        "Model undeployed": RUN_MODEL | DEPLOYMENT | {"Hours of usage"},
    },
    "Tools": {
        "Tool created": TOOL,
        "Tool deleted": TOOL | {"Model ID", "Model Name", "Model Type"},
    },
    "Tool Flow Management: Integration Node": {
        "Connection added": NODE,
        "Connection modified": NODE,
        "Action added": NODE,
        "Action changed": NODE,
        "Action edited": NODE,
    },
    "Users Management": {
        "User invited": {"Added User IDs", "Role Name", "Role ID"},
        "User deleted": {"Removed User IDs"},
    },
    "Prompts": {
        "Prompt created": NAMED_PROMPT,
        "Prompt deleted": PROMPT,
        "Versions committed": NAMED_PROMPT | {"Version Name"},
        "Version restored": NAMED_PROMPT | {"Version Name"},
        "Prompt shared": NAMED_PROMPT,
        "Endpoint copied": NAMED_PROMPT,
        "Endpoint consumed": PROMPT,
        "API Key created": NAMED_PROMPT,
        "Generated test data": PROMPT | GENERATION,
        "Generated prompt": PROMPT | GENERATION,
    },
    "Dataset": {
        "Dataset uploaded": {"File type"},
    },
    "Manage Custom Scripts": {
        "Custom script saved as draft": CUSTOM_SCRIPT,
        "Custom script deployed": CUSTOM_SCRIPT,
        "Custom script undeployed": CUSTOM_SCRIPT,
        "Custom script re-deployed": CUSTOM_SCRIPT,
        "Custom script deleted": CUSTOM_SCRIPT,
        "Custom script exported": CUSTOM_SCRIPT,
    },
    "Guardrails": {
        "Guardrails deployed": GUARDRAIL,
        "Guardrails undeployed": GUARDRAIL | {"Time of usage"},
    },
    "Script": {
        "Write Code": SCRIPT,
        "Custom Function": SCRIPT,
    },
    "Default Role Configuration": {
        # The reference lists a status message; ours has the two roles that it names as fields.
        "Default Role Configured": {"Previous role", "New role"},
    },
}

TOOL_LEVEL: dict[str, Events] = {
    "User Management": {
        "Role changed": NOTHING,
        "Invited users": NOTHING,
        "Removed users": NOTHING,
    },
    "Tool Management": {
        "Tool deployed": TOOL_DEPLOYMENT,
        "Tool undeployed": TOOL_DEPLOYMENT,
        "Version created": TOOL_VERSION,
        "Version deleted": TOOL_VERSION,
        "API Key created": TOOL_VERSION,
        "API Key deleted": TOOL_VERSION,
        "Tool description updated": TOOL_VERSION,
        "Tool name updated": TOOL_VERSION,
        "Tool exported": TOOL_VERSION,
        "API sync timeout updated": TOOL_VERSION,
        "API async enabled": TOOL_VERSION | ASYNC_MODE,
        "API async updated": TOOL_VERSION | ASYNC_MODE,
        "API async disabled": TOOL_VERSION,
        "Environment variable added": TOOL_VERSION,
        "Environment variable deleted": TOOL_VERSION,
        "Environment variable edited": TOOL_VERSION,
    },
    "Guardrails": {
        "Input scanner added": NOTHING,
        "Input scanner edited": NOTHING,
        "Input scanner removed": NOTHING,
        "Output scanner added": NOTHING,
        "Output scanner edited": NOTHING,
        "Output scanner removed": NOTHING,
    },
}

EVENTS: dict[tuple[str, str, str], frozenset[str]] = {
    (level, category, event): frozenset(LEVELS[level] | labels)
    for level, categories in (("account", ACCOUNT), ("tool", TOOL_LEVEL))
    for category, events in categories.items()
    for event, labels in events.items()
}
"""(level, title of the category, title of the event) -> all labels it shows, in the reference's order."""
