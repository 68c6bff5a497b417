"""Who may use which route; a route that is not here is closed, and a test finds it."""

from sink.people.gate import Rules
from sink.people.rights import Right, Role, Rule

_ANYBODY = Rule(None)
_VIEWER, _OPERATOR, _ADMIN = Rule(Role.VIEWER), Rule(Role.OPERATOR), Rule(Role.ADMIN)
_READER, _OWNER = Rule(Role.VIEWER, Right.READER), Rule(Role.OPERATOR, Right.OWNER)

RULES: Rules = {
    ("GET", "/"): _ANYBODY,  # the page holds nothing; what it shows it asks for
    ("GET", "/static"): _ANYBODY,
    ("GET", "/healthz"): _ANYBODY,
    ("GET", "/readyz"): _ANYBODY,
    ("WS", "/ws"): _ANYBODY,  # says who it is in its first message; each room is checked
    ("GET", "/metrics"): _ADMIN,
    ("GET", "/api/jobs"): _VIEWER,  # of those one may read
    ("GET", "/api/jobs/{job}"): _READER,
    ("GET", "/api/jobs/{job}/poses"): _READER,
    ("GET", "/api/jobs/{job}/frames"): _READER,
    ("GET", "/api/jobs/{job}/objects/{object}/mesh"): _READER,
    ("GET", "/api/v1/openapi.json"): _ANYBODY,
    ("POST", "/api/v1/login"): _ANYBODY,
    ("POST", "/api/v1/refresh"): _ANYBODY,
    ("POST", "/api/v1/logout"): _VIEWER,
    ("GET", "/api/v1/me"): _VIEWER,
    ("PUT", "/api/v1/me/password"): _VIEWER,
    ("POST", "/api/v1/tickets"): _VIEWER,
    ("GET", "/api/v1/keys"): _VIEWER,
    ("POST", "/api/v1/keys"): _VIEWER,
    ("DELETE", "/api/v1/keys/{key}"): _VIEWER,
    ("GET", "/api/v1/users"): _ADMIN,
    ("POST", "/api/v1/users"): _ADMIN,
    ("PATCH", "/api/v1/users/{user}"): _ADMIN,
    ("GET", "/api/v1/audit"): _ADMIN,
    ("GET", "/api/v1/workers"): _OPERATOR,
    ("GET", "/api/v1/models"): _OPERATOR,
    ("GET", "/api/v1/meshes"): _OPERATOR,  # one's own, as the next ones
    ("POST", "/api/v1/meshes"): _OPERATOR,
    ("GET", "/api/v1/meshes/{mesh}"): _OPERATOR,
    ("DELETE", "/api/v1/meshes/{mesh}"): _OPERATOR,
    ("PUT", "/api/v1/meshes/{mesh}/bytes"): _OPERATOR,
    ("POST", "/api/v1/meshes/{mesh}/finish"): _OPERATOR,
    ("GET", "/api/v1/jobs"): _VIEWER,  # of those one may read
    ("POST", "/api/v1/jobs"): _OPERATOR,
    ("GET", "/api/v1/jobs/{job}"): _READER,
    ("POST", "/api/v1/jobs/{job}/pause"): _OWNER,
    ("POST", "/api/v1/jobs/{job}/resume"): _OWNER,
    ("POST", "/api/v1/jobs/{job}/cancel"): _OWNER,
    ("POST", "/api/v1/jobs/{job}/retry"): _OWNER,
    ("POST", "/api/v1/jobs/{job}/prompts"): _OWNER,
    ("GET", "/api/v1/jobs/{job}/poses"): _READER,
    ("GET", "/api/v1/jobs/{job}/poses/export"): _READER,
    ("GET", "/api/v1/jobs/{job}/frame"): _READER,
    ("GET", "/api/v1/jobs/{job}/people"): _OWNER,
    ("PUT", "/api/v1/jobs/{job}/readers/{user}"): _OWNER,
    ("DELETE", "/api/v1/jobs/{job}/readers/{user}"): _OWNER,
}
