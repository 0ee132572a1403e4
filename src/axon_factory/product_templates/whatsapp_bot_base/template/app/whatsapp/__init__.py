"""The bot: signature, understanding, conversation, texts."""
