"""Pure rules: states, plans, progress, priority, permissions. Imports nobody of the house."""
