"""Who may do what: accounts, tokens, API keys, roles, ownership of jobs, limits of rate, and the audit log."""
