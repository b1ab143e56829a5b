"""What may not be done, whoever asks: consent."""
