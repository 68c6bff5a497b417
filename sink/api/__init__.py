"""The REST interface: routes, what goes in and out, and the rule of each route."""
