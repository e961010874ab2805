"""The settings by topic; `fields.Settings` is all of them."""
