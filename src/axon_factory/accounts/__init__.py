"""Users, login, access tokens, API keys and system tokens (design §8)."""
