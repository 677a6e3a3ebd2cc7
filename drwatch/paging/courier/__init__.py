"""The courier: a process of its own that carries pages through Apprise, one forked child per attempt.

Run as ``python -m drwatch.paging.courier``, spoken to in JSON lines:

=====================================================================  =============================================
asked on stdin                                                         answered on stdout
=====================================================================  =============================================
``{"channels": {name: url}, "limit": 15.0}``, once, first              ``{"ready": {name: null or what is wrong}}``
``{"check": {name: url}}``                                             ``{"checked": {name: null or what is wrong}}``
``{"id": 7, "channel", "title", "body", "kind", "incident"}``          ``{"id": 7, "outcome", "detail", "seconds"}``
``{"id": 8, "post": {"url", "headers", "body", "ca"}, "limit": 8.0}``  the same
``{"id": 9, "lives": true}``                                           the same back, at once
=====================================================================  =============================================

``kind`` is info, success, warning or failure; ``outcome`` is accepted, refused, failed or ambiguous, as in
``drwatch.core.paging.Outcome``. With failed there may be ``wait``: for how many seconds the service asked to be left
alone. Answers come in any order. The end of stdin kills every attempt and ends the process, as does the death of the
one who started it. Nothing of a channel's URL is ever in an answer.

It forks, so it stays single-threaded and small: standard library and Apprise, nothing of the rest of drwatch.
"""
