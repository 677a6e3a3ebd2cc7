"""The secrets corpus: a URL of each kind of channel, what of it is secret, and a search for that in what was said."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

HERE = "127.0.0.1:{port}"
KINDS = {
    "json": "json://Ursula9:Hunter2pw@" + HERE + "/x/SecretPath77?+X-Auth=SecretHeader5",
    "json-odd-password": "json://Ursula9:p%40ss%2Fw0rd%21%C3%B8@" + HERE + "/x/x",
    "xml": "xml://Ursula9:Hunter2pw@" + HERE + "/x/SecretPath77",
    "form": "form://" + HERE + "/x/SecretPath77?-SecretHead3=SecretField3",
    "ntfy": "ntfy://Ursula9:Hunter2pw@" + HERE + "/oslo-night-pager",
    "ntfy-token": "ntfy://tk_q8w7e6r5t4y3u2i1@" + HERE + "/oslo-night-pager",
    "ntfy-cloud": "ntfys://oslo-night-pager",
    "gotify": "gotify://" + HERE + "/AxMk9qwErty2ZuI",
    "telegram": "tgram://4839201745:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/77341290/",
    "pushover": "pover://uQiRzpo4DXghDmr9QzzfQu27cmVRsG@azGDORePK8gMaC0QOYAMyEEuzJnyUi",
    "pagerduty": "pagerduty://R0kS3Gvt8eQwPzLm5XyB2nJc7aHd4fUi@nx8QZvR3tLk9wPb2sYdM",
    "opsgenie": "opsgenie://7f3c9a52-51e4-4b0c-9d27-6a8e1b3f5c90",
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#nightwatch",
    "discord": "discord://472910384756102938/Xv9bQe2RtYu7IoPaSd4FgHjKlZ0xCvBnM-qWeRtYuI_oPa",
    "discord-native": "https://discord.com/api/webhooks/472910384756102938/Xv9bQe2RtYu7IoPaSd4FgHjKl",
    "twilio": "twilio://AC735c307c62944b5a8f1e6d2c9b7a4f30:e29dfbcebf390dee9a1b2c3d4e5f6071@+15551234567/+15557654321",
    "matrix": "matrix://Ursula9:Hunter2pw@" + HERE + "/!nightwatch77:example.no",
    "mattermost": "mmost://" + HERE + "/3ccdd113474722377935511fc85d3dd4",
    "rocket": "rocket://Ursula9:Hunter2pw@" + HERE + "/#nightwatch",
    "signal": "signal://" + HERE + "/+15551234567/+15557654321",
    "mail": "mailto://Ursula9:Hunter2pw@" + HERE + "?smtp=127.0.0.1&mode=insecure&from=Ursula9@x9.no&to=night-9@x9.no",
    "pushbullet": "pbul://o.gn5kj6nfhv736I7jC3cj3QLRiyhgl98b",
    "prowl": "prowl://8f3a2b1c9d4e5f60718293a4b5c6d7e8f9012345",
    "home-assistant": "hassio://" + HERE + "/eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9",
    "simplepush": "spush://HuxgBB7",
    "webex": "wxteams://" + "Zm9vYmFyYmF6cXV4" * 5,
    "mailgun": "mailgun://night-9@x9mail.example/4b4f2918fd-dk5f-8f91f",
    "sendgrid": "sendgrid://SG7xYk29aLmQ:night-9@x9mail.example",
    "plivo": "plivo://MAZTQ1YJIWNDG1OTK2ZJ2@ZjRiMWUyZDQ5ZTdjNGFiYjQ4OTJhODczZDRkNjQx0/15551234567/15557654321",
    "messagebird": "msgbird://zkbFr54rtLkjQw9zmsO2X8v4T/15551234567/15557654321",
    "ifttt": "ifttt://WebHook9ID7q@NightEvent5",
    "line": "line://AbCdEfGh9IjKlMnOp/U1234567890abcdef1234567890abcdef",
    "zulip": "zulip://nightbot@x9org/a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9/nightwatch",
    "workflows": "workflows://prod-77.example-x9.no:443/643e69f83c8944438d68119179a10a64/2Xq7sig-tQ9zLkM3",
    "mqtt": "mqtt://Ursula9:Hunter2pw@" + HERE + "/fjord7/night-pager",
    "irc": "irc://Ursula9:Hunter2pw@" + HERE + "/%23nightwatch",
    "squadcast": "squadcast://9f8e7d6c5b4a39281706f5e4d3c2b1a0f9e8d7c6",
    "nextcloud": "ncloud://Ursula9:Hunter2pw@" + HERE + "/nightadmin7",
    "kodi": "kodi://Ursula9:Hunter2pw@" + HERE,
    "synology": "synology://" + HERE + "/S9nology7TokenQ",
    "bark": "bark://" + HERE + "/BarkDevice7Key9",
    "lametric": "lametric://X9lametricKey77q@" + HERE,
    "clickatell": "clickatell://ClickKey9x7Qw/15551234567",
    "sns": "sns://AHIAJGNT76XIMXDBIJYA/bu1dHSdO22pfaaVy1w/us-east-1/15551234567",
    "json-tls": "jsons://Ursula9:Hunter2pw@" + HERE + "/SecretPath77",
    "zoom": "zoom://NightHook7x9Q/VerifyTok9en77",
    "flock": "flock://7f3c9a52-51e4-4b0c-9d27-6a8e1b3f5c90",
    "signl4": "signl4://TeamSecret9x7",
}
"""URL by kind. Those without a host of ours would go to the cloud, were there not a dead proxy in the way."""

PUBLIC = {"json", "https", "discord", "webhooks", "example", "smtp", "mode", "insecure", "from", "auth", "token"}


def secrets(url: str) -> set[str]:
    """Every piece of a URL that somebody could use: four characters or more, as written and as meant."""
    rest = url.split("://", 1)[1]
    pieces = {piece for piece in re.split(r"[/?&=@:#+]", rest) if len(piece) >= 4}
    pieces |= {unquote(piece) for piece in pieces}
    # A short number is a port, and turns up among figures.
    pieces = {piece for piece in pieces if not (piece.isdigit() and len(piece) < 6)}
    return {piece for piece in pieces if piece.casefold() not in PUBLIC and not piece.startswith("127.0.0.1")}


def leaks(said: str, urls: dict[str, str]) -> list[tuple[str, str]]:
    heard = said.casefold()
    heard += unquote(heard) + json.dumps(heard).casefold()
    heard += re.sub(r"\\+u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), heard)
    return [(name, secret) for name, url in urls.items() for secret in secrets(url) if secret.casefold() in heard]


def urls_at(port: int) -> dict[str, str]:
    return {name: url.format(port=port) for name, url in KINDS.items()}
