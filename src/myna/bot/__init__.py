"""The bot: a mention on a network becomes one reply there, whatever breaks in between."""
