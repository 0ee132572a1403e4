"""SecretBox adapters: how secrets rest encrypted."""
