"""From a question to sentences that point to the posts which say them.

Data flows: question → gather → confidence → prompt → (model) → sentences → evidence → events.
Everything but ``answer`` and ``gather`` is a pure function of values.
"""
