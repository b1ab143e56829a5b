"""Conversations as trees of messages; answers are generated apart from the requests for them.

``log`` keeps the events of one answer, ``draft`` what they add up to, ``generation`` runs one
answer as a task, ``generations`` holds all that run, ``service`` joins them with the store.
"""
