"""Starting for real: a home folder with settings to fill in and fresh secret keys."""

from __future__ import annotations

from pathlib import Path

from pipeline.encryption.at_rest import new_key
from pipeline.encryption.signing import new_note_key
from pipeline.errors import SettingsError
from pipeline.home import SETTINGS_FILE

FOLDERS = (
    "agreements", "inbox", "inbox/chis", "keys", "keys/approvers", "keys/recipients", "keys/suppliers",
    "outbox", "profiles", "reference", "state",
)  # fmt: skip

SETTINGS = """# The settings of one authority; paths are relative to this folder.
# `birthshare doctor` says what is missing.

[authority]
name = "REPLACE: Example Council"
code = "E06999999"  # REPLACE: the authority's GSS code

# Where reach areas stand in several files, lists (CSV) or drawn areas (GeoJSON), which are all signed;
# and where an agreement names the fields ward, deprivation_decile or locality:
# [geography]
# reach_areas = ["reference/reach_areas.csv", "reference/reach_areas.geojson"]
# ward_names = "reference/ward_names.csv"    # ward names and codes, from Documents in the directory's zip
# deprivation = "reference/deprivation.csv"  # English indices of deprivation 2025, File 7, from gov.uk
# localities = "localities"                  # the network of the reach areas that has localities, for reports
# locality_names = "reference/localities.csv"  # code,name; without it lists show their codes

# Places outside to which every checkpoint of the ledger is brought, so that its past cannot be changed
# unnoticed; and witnesses, other organisations that countersign it (infra/runbooks/witnesses.md):
# [ledger]
# witnesses = ["council.example.org/witness+1a2b3c4d+B..."]  # shown there: birthshare ledger witness init
# witnesses_needed = 1
# witness_days = 35  # how old the newest countersigned checkpoint may be before you are warned
# [[ledger.places]]
# name = "guardian"
# folder = "/srv/guardian/birthshare"  # a folder from the root, that is not in this home
# [[ledger.places]]
# name = "neighbour"
# host = "sftp.example.org"            # our delivery key logs in there
# user = "birthshare"
# host_key = "ssh-ed25519 AAAA..."     # from the server's owner
# folder = "checkpoints"
# witness = "council.example.org/witness"  # requests to it lie here, and its answers

# For how many days things are kept, where these do not suit (see `birthshare retention --limits`):
# [retention]
# sealed_files_days = 30   # what suppliers sent, after its month is closed or the feed applied
# working_files_days = 90  # of a month that is not finished
# reports_days = 730       # pages of months and suppliers' reports
# letters_days = 1         # letters with a recipient's password
# reviews_days = 365       # what people decided for single postcodes, by keyed reference

# Who is told what waits for people (`birthshare waiting --send`, at most once a day): shared mailboxes by
# role, data_lead, ig_officer, caldicott_guardian and approver. A role without one is told to all.
# [notices]
# to = {data_lead = ["births@example.org"], ig_officer = ["governance@example.org"]}
# link = "https://airflow.example.org"             # where they look; month_link, with {month}, for one month
# [notices.mail]
# host = "smtp.example.org"                        # port = 587, security = "starttls" (or 465 and "tls")
# sender = "birthshare@example.org"
# user = "birthshare"                              # its password in keys/mail.password, mode 0600
# trust = "keys/mail.pem"                          # certificates, where this machine does not know the server
# [notices.webhook]
# address = "keys/webhook.address"                 # the file that holds it, mode 0600; it takes JSON by HTTPS

# One section for each Child Health Information Service (CHIS) that sends extracts.
[suppliers.chis]
name = "REPLACE: Example Community NHS Trust"
signing_key = "keys/suppliers/chis.asc"  # the supplier's OpenPGP public key, checked with it by telephone
signing_fingerprint = "0000000000000000000000000000000000000000"  # REPLACE: of that key
# How its files are written, where not as in schemas/birth_extract.yaml: a profile that ships (wide_table,
# person_and_consent, coded_values, workbook, nhs_events) or one of your own, profiles/NAME.yaml here, which
# `birthshare intake propose FILE` drafts and `birthshare intake check FILE` tries:
# profile = "wide_table"
# What it sends beside the extract, where it does:
# consents = "consents_{supplier}_{month}.csv.gpg"  # each parent's answers; the month waits for it
# totals = "totals_{supplier}_{month}.csv.gpg"  # the trust's own counts; the month waits for it
# totals_tolerance = 0.1       # by how much of them the extract may hold more births
# changes = "changes_{supplier}_{date}.csv.gpg"  # deaths, withdrawals and the like, on any day
# dataset = "expected_births"  # where it sends expected births in place of births
# look_back_months = 12        # how late a birth may still be reported
# due_day = 5                  # of the next month: files that are not here after it are called late
# Where it sends zip files (AES-256) with a detached OpenPGP signature beside each, X.zip.sig or X.zip.asc:
# sealed = "zip"
# passphrase = "keys/suppliers/chis.passphrase"  # or the environment variable BIRTHSHARE_PASSPHRASE_CHIS
# unsigned = true              # only where nobody signs them; the ledger and every report say so
# How far a file may be from its earlier ones before a person must look, where this does not suit:
# [suppliers.chis.drift]
# rows_lower = 0.6                     # of the usual number of rows
# rows_upper = 1.7
# known_codes = {death_status = ["U"]} # rare codes that it has said it sends
# Where its files wait at an SFTP server, and do not come into inbox/chis by themselves:
# [suppliers.chis.inbox]
# host = "sftp.example.org"            # our delivery key logs in there
# user = "birthshare"
# folder = "outgoing"
# host_key = "ssh-ed25519 AAAA..."     # from the server's owner
# whole_when = "still"                 # or "marker" (X.done beside X), or "manifest" (SHA256SUMS)
# still_seconds = 20                   # between two looks at a file that may still grow
# afterwards = "archive"               # into the folder archive there; or "remove"
# Where reports on its rows are brought, sealed for its key; without this they stay in outbox/chis:
# [suppliers.chis.reports]
# key = "keys/suppliers/chis.asc"      # an OpenPGP public key of the supplier's, to encrypt to
# host = "sftp.example.org"            # our delivery key logs in there
# user = "birthshare"
# folder = "incoming"
# host_key = "ssh-ed25519 AAAA..."     # from the server's owner
# Or, in place of the last four: via = "folder", and folder = "/srv/mesh/out/chis", which a carrier empties

# REPLACE: who may sign agreements and approve releases, and as what. Their SSH public keys go into
# keys/approvers/allowed_signers, a line each (here over three):
# caldicott.guardian@example.org
# namespaces="agreement@birthshare,release@birthshare,register@birthshare,intake@birthshare,places@birthshare"
# ssh-ed25519 AAAA...
# For a passkey, `birthshare console` shows its owner the line, under Your keys.
# One person may hold several roles.
[[approvers]]
principal = "caldicott.guardian@example.org"
roles = ["caldicott_guardian"]

[[approvers]]
principal = "data.protection@example.org"
roles = ["data_protection_officer"]

[[approvers]]
principal = "data.lead@example.org"
roles = ["data_lead"]

# REPLACE: who may use the console (`birthshare console`), and in which roles: data_lead, ig_officer,
# caldicott_guardian, approver (whom an agreement lets approve its releases), auditor (only looks).
[[console.people]]
principal = "caldicott.guardian@example.org"
roles = ["caldicott_guardian", "approver"]

[[console.people]]
principal = "data.protection@example.org"
roles = ["ig_officer"]

[[console.people]]
principal = "data.lead@example.org"
roles = ["data_lead", "approver"]
# sign_on = "data.lead@example.org"    # their claim, where people sign in at the council's sign-on:
# [console]
# address = "https://birthshare.example.org"
# [console.sign_on]
# issuer = "https://login.example.org/council"
# client_id = "birthshare"             # its secret: keys/sign_on.secret; see infra/runbooks/console.md
"""

RECIPIENTS = """# The register of recipients: where each list goes, and the key that only its recipient has.
# It counts as two approvers signed it, with the key files and the reach areas. After any change:
#   birthshare recipients diff     what was changed
#   birthshare recipients sign     by each, with their own key; until then a changed recipient gets nothing
#   birthshare recipients check    whether a list could go there now
# An entry may also say:
#   starts, ends: the first and the last day on which a list may go there, such as 2026-09-01
#   key_until: the last day of its password; it is told of 90, 30 and 7 days before
#   format: zip, for a workbook in an AES-256 zip, and labels: a4-21 for address labels in it (or a4-8, a4-14,
#     a4-24); or csv, for a system: in OpenPGP, where key is its public key, such as keys/recipients/hub.asc
#   at_once: 2, for two connections at a time; bytes_a_second: 500000, where the line there is narrow
#   jump: {host: gate.example.org, user: birthshare, host_key: ssh-ed25519 AAAA...}, for a way through a host
#   proxy_command: [nc, -X, connect, -x, "proxy.example.org:3128", "%h", "%p"], for one through a program
#   via: folder, with folder: /srv/mesh/out/centre-01 and no host, port, user or host_key: a folder of this
#     machine that MESH or another carrier empties
recipients: []
# - code: centre-01
#   name: Example Children's Centre
#   kind: childrens_centre              # as the agreement names the kind
#   contact: the centre's office, 01234 ...  # whom to call: a post or a shared mailbox, no person's name
#   host: sftp.example.org
#   port: 22
#   user: centre-01
#   folder: incoming
#   host_key: ssh-ed25519 AAAA...        # from the server's owner, never from the connection itself
#   format: workbook                     # an Excel file with a password
#   key: keys/recipients/centre-01.password  # made by: birthshare recipients password centre-01
"""


def make_home(folder: Path) -> None:
    """Lay out an empty home with fresh secret keys.

    Raises SettingsError where the folder holds anything: a key that is written over is lost for ever.
    """
    if (folder / SETTINGS_FILE).exists():
        raise SettingsError(
            "This folder is a Birthshare home already",
            where=str(folder),
            do="Ask what it lacks with `birthshare doctor`, or name another folder.",
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError("This folder is not empty", where=str(folder), do="Name a new or empty one.")
    for name in ("", *FOLDERS):
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / SETTINGS_FILE).write_text(SETTINGS, encoding="utf-8")
    (folder / "reference" / "recipients.yaml").write_text(RECIPIENTS, encoding="utf-8")
    (folder / "reference" / "reach_areas.csv").write_text(
        "network,recipient,kind,code,from,to\n", encoding="utf-8"
    )
    (folder / "reference" / "hospital_postcodes.csv").write_text("postcode,name\n", encoding="utf-8")
    for name, make in (("subject", new_key), ("staging", new_key), ("ledger", new_note_key)):
        file = folder / "keys" / f"{name}.key"
        file.touch(mode=0o600)
        file.write_bytes(make())
