"""The courier: a process of its own that carries pages through Apprise, one forked child per attempt.

Run as ``python -m drwatch.paging.courier``, spoken to in JSON lines:

=============================================================  ==================================================
asked on stdin                                                 answered on stdout
=============================================================  ==================================================
``{"channels": {name: url}, "limit": 15.0}``, once, first      ``{"ready": {name: null or what is wrong}}``
``{"check": {name: url}}``                                     ``{"checked": {name: null or what is wrong}}``
``{"id": 7, "channel", "title", "body", "kind", "incident"}``  ``{"id": 7, "outcome", "detail", "seconds"}``
``{"id": 8, "request": {…}, "limit": 8.0}``                    the same, and the ``body`` where that is asked for
``{"id": 9, "lives": true}``                                   the same back, at once
=============================================================  ==================================================

A request has ``url``, ``method``, ``headers``, ``body``, ``ca``, and whether the ``answer`` is to be read.
``kind`` is info, success, warning or failure; ``outcome`` is accepted, refused, failed or ambiguous, as in
``drwatch.core.paging.Outcome``. With failed there may be ``wait``: for how many seconds the service asked to be left
alone; ``killed`` says that the attempt was, at its limit. Answers come in any order. The end of stdin kills every
attempt and ends the process, as does the death of the one who started it. Nothing of a channel's URL is ever in an
answer.

It forks, so it stays single-threaded and small: standard library and Apprise, nothing of the rest of drwatch.
"""
