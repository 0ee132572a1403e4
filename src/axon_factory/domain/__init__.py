"""Pure rules: states, plans, progress, priority, permissions. Imports no other room."""
