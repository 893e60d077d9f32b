"""What a home still lacks before a month can run, in plain words, with what to do about each thing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from shlex import quote

from pipeline import agreed, key_ends
from pipeline.agreements.loading import NAMESPACE as AGREEMENT
from pipeline.agreements.loading import Loaded
from pipeline.contract import contract_of
from pipeline.custody import Custody, custody_of
from pipeline.errors import BirthshareError, SettingsError
from pipeline.facts import damaged, opened_ledger, verified
from pipeline.home import SETTINGS_FILE, Home, Place, Recipient, Supplier, passphrase_variable
from pipeline.intake.profiles import files_of
from pipeline.outside import countersigned, places
from pipeline.places import releases
from pipeline.places.compiled import compiled_places, hospitals
from pipeline.places.reviewed import NAMESPACE as PLACES
from pipeline.recipients import register
from pipeline.recipients.reaching import check_key, check_reached
from pipeline.records import TEMPLATES
from pipeline.steps import needs
from pipeline.steps.desk import Watch, no_watch
from pipeline.steps.inputs import check_datasets
from pipeline.steps.receiving import layout_of
from pipeline.steps.release import NAMESPACE as RELEASE
from pipeline.suppliers import reports
from pipeline.suppliers.drift import NAMESPACE as INTAKE
from pipeline.suppliers.fetching import check_reached as check_inbox

PLACEHOLDER = "REPLACE"  # marks what `birthshare init` cannot know
_NO_FINGERPRINT = "0" * 40
_NO_AUTHORITY = "E06999999"
_NAMESPACES = (AGREEMENT, RELEASE, register.NAMESPACE, INTAKE, PLACES)  # what an approver's key signs


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` says what to do where it is not well."""

    what: str
    well: bool
    advice: str = ""
    key: str = ""  # the secret file that it is about, relative to the home


def examine(
    home: Home,
    *,
    now: datetime,
    connect: bool = False,
    custody: Custody = Custody.BOTH,
    watch: Watch = no_watch,
) -> Iterator[Finding]:
    """Everything that a month needs, looked at one by one.

    Nothing is changed, except that an empty database and a look-up file of places may be made under
    `state/`. With `connect` recipients' and suppliers' servers are logged in to; nothing is written there.
    `custody` says whose keys this machine has; those of the other are not looked for.
    """
    for finding in _everything(home, now, connect, watch):
        if not _of_the_other(home, finding, custody):
            yield finding


def _of_the_other(home: Home, finding: Finding, custody: Custody) -> bool:
    """Whether it is about a key that only the machine of the other custody has."""
    if custody is Custody.BOTH or not finding.key:
        return False
    known = custody_of(home, home.at(finding.key))
    return bool(known) and known.isdisjoint({custody, Custody.BOTH})


def _everything(home: Home, now: datetime, connect: bool, watch: Watch) -> Iterator[Finding]:
    of_suppliers, of_recipients = partial(_suppliers, now=now), partial(_recipients, now=now)
    parts: tuple[Callable[[Home], Iterator[Finding]], ...] = (
        _programs, _settings, _keys, of_suppliers, _approvers, _places, of_recipients,
    )  # fmt: skip
    for done, part in enumerate(parts):
        watch("looking", done, len(parts) + 1)
        yield from part(home)
    watch("looking", len(parts), len(parts) + 1)
    yield from _agreements(home, now)
    yield _tried("the ledger's database", partial(_check_ledger, home))
    yield _tried("the register of recipients is signed", partial(_check_register, home, now))
    watch("looking", 1, 1)
    yield from _notices(home)
    yield from _console(home)
    if home.settings.ledger.witnesses:
        yield _tried("the keys of the witnesses", partial(countersigned.witnesses, home))
    if connect:
        yield from _servers(home, watch)
        yield from _outside(home)


def _tried(what: str, look: Callable[[], object], key: str = "") -> Finding:
    """Well where `look` raises nothing; else its own words are the advice."""
    try:
        look()
    except BirthshareError as error:
        return Finding(what, False, str(error), key)
    return Finding(what, True, key=key)


def _programs(home: Home) -> Iterator[Finding]:
    for program, package in (("gpg", "gnupg"), ("ssh-keygen", "openssh-client")):
        advice = f"Install it (Debian: apt install {package})."
        yield Finding(f"the program {program}", bool(shutil.which(program)), advice)


def _settings(home: Home) -> Iterator[Finding]:
    authority = home.settings.authority
    unfilled = [
        *(["authority.name"] if PLACEHOLDER in authority.name else []),
        *(["authority.code"] if authority.code == _NO_AUTHORITY else []),
        *(
            f"suppliers.{code}.name"
            for code, supplier in home.settings.suppliers.items()
            if PLACEHOLDER in supplier.name
        ),
    ]
    advice = f"Still to be filled in in {home.at(SETTINGS_FILE)}: {', '.join(unfilled)}."
    yield Finding(f"{SETTINGS_FILE} is filled in", not unfilled, advice)


def _keys(home: Home) -> Iterator[Finding]:
    for name, meaning in (
        ("subject", "recognises families from month to month"),
        ("ledger", "signs checkpoints"),
    ):
        yield _private(
            home,
            f"keys/{name}.key",
            meaning,
            "`birthshare init` made it: put it back from your safe copy. A new one fits nothing recorded.",
        )
    yield _private(
        home,
        "keys/staging.key",
        "locks the working files",
        "No backup may hold it (infra/runbooks/backups.md). With a new one, open months are run again:\n"
        f"  (umask 077 && head -c 32 /dev/urandom > {quote(str(home.at('keys/staging.key')))})",
    )
    yield _private(
        home,
        "keys/decryption.key",
        "opens extracts",
        "It is an OpenPGP private key without passphrase. Make it, and send each supplier its\n"
        "public half, decryption.asc:\n"
        f"  (cd {quote(str(home.at('keys')))} && umask 077 && export GNUPGHOME=$(mktemp -d) &&\n"
        f"   gpg --batch --passphrase '' --quick-gen-key birthshare-{home.settings.authority.code}"
        " future-default default 2y &&\n"
        "   gpg --armor --export-secret-keys > decryption.key && gpg --armor --export > decryption.asc &&\n"
        '   gpgconf --kill all && rm -r "$GNUPGHOME")',
    )
    delivery = home.settings.delivery.private_key
    yield _private(
        home,
        delivery,
        "logs in to the recipients' servers",
        f"It is an SSH private key. Make it, and send {delivery}.pub to whoever runs each server:\n"
        f"  ssh-keygen -q -t ed25519 -N '' -f {quote(str(home.at(delivery)))}",
    )


def _private(home: Home, file: str, meaning: str, advice: str) -> Finding:
    """A file that must be there, and be its owner's alone; `advice` is for where it is missing."""
    what = f"{file}: {meaning}"
    if not home.at(file).exists():
        return Finding(what, False, advice, file)
    return _tried(what, partial(_look_into, home, file), file)


def _look_into(home: Home, file: str) -> None:
    """Raises SettingsError where a key file cannot hold what it should."""
    content = home.private_file(file).read_bytes()
    if file in ("keys/subject.key", "keys/staging.key", "keys/ledger.key"):
        home.secret(file.removeprefix("keys/"))
    elif (
        file in ("keys/decryption.key", home.settings.delivery.private_key) and b"PRIVATE KEY" not in content
    ):
        raise SettingsError("The file holds no private key", where=str(home.at(file)))


def _suppliers(home: Home, now: datetime) -> Iterator[Finding]:
    for code, supplier in home.settings.suppliers.items():
        inbox = home.inbox(code)
        yield Finding(
            f"the inbox of {code}", inbox.is_dir(), f"Make the folder:\n  mkdir -p {quote(str(inbox))}"
        )
        if not supplier.unsigned:
            yield _supplier_key(home, code, supplier)
        yield from _supplier_passphrase(home, code)
        yield _tried(f"the profile of {code}", partial(_check_profiles, home, code, supplier))
        place = reports.place_of(home, code)
        if place is not None:
            yield _tried(f"the key of {code} for its reports", partial(check_key, home, place, at=now))


def _supplier_key(home: Home, code: str, supplier: Supplier) -> Finding:
    from pipeline.encryption.opening import check_signer

    what, key = f"the key that {code} signs with", home.at(supplier.signing_key)
    if not key.is_file():
        return Finding(what, False, f"Ask the supplier for its OpenPGP public key and put it at {key}.")
    if supplier.signing_fingerprint == _NO_FINGERPRINT:
        return Finding(
            what,
            False,
            f"Write its fingerprint, 40 digits without spaces, as signing_fingerprint in {SETTINGS_FILE}.\n"
            "Ask the supplier to read it out by telephone, and compare it with:\n"
            f"  gpg --show-keys {quote(str(key))}",
        )
    return _tried(what, partial(check_signer, key, supplier.signing_fingerprint))


def _supplier_passphrase(home: Home, code: str) -> Iterator[Finding]:
    """What opens its zip files, if it sends any; an unknown profile is a finding of its own."""
    with suppress(SettingsError):
        if files_of(home, code).sealed != "zip":
            return
        what, file = f"the passphrase of {code}", home.settings.suppliers[code].passphrase
        if file and not home.at(file).exists() and passphrase_variable(code) not in home.environment:
            yield Finding(
                what,
                False,
                "Agree one with the supplier by telephone, 16 letters or more; type it, then Ctrl+D:\n"
                f"  (umask 077 && cat > {quote(str(home.at(file)))})",
                file,
            )
        else:
            yield _tried(what, partial(home.passphrase, code), file)


def _check_profiles(home: Home, code: str, supplier: Supplier) -> None:
    """Raises SettingsError where a file of the supplier could not be read as one of the contracts'."""
    files = files_of(home, code)
    companions = {"answers": files.consents, "changes": files.changes, "totals": files.totals}
    for dataset in (supplier.dataset, *(name for name, sent in companions.items() if sent)):
        layout_of(home, code, contract_of(dataset))
    _check_known_codes(code, supplier)


def _check_known_codes(code: str, supplier: Supplier) -> None:
    """Raises SettingsError where a rare code is said to be sent that no file of the supplier can hold."""
    contracts = [contract_of(supplier.dataset), contract_of("answers")]
    for name, said in supplier.drift.known_codes.items():
        columns = [contract.column(name) for contract in contracts if name in contract.names]
        known = {one for column in columns for one in column.codes}
        strange = sorted({*said} - known)
        if not columns or strange:
            raise SettingsError(
                f"known_codes names what the contract does not have: {', '.join(strange) if known else name}",
                where=f"{SETTINGS_FILE}, suppliers.{code}.drift.known_codes.{name}",
                do=f"{name} has: {', '.join(sorted(known))}." if known else "Name a column that holds codes.",
            )


def _approvers(home: Home) -> Iterator[Finding]:
    signers = home.allowed_signers
    known = signers.read_text(encoding="utf-8", errors="replace") if signers.is_file() else ""
    listed = {line.split()[0] for line in known.splitlines() if line.strip() and not line.startswith("#")}
    yield Finding(
        "somebody may approve",
        bool(home.settings.approvers),
        f"Add each person under [[approvers]] in {SETTINGS_FILE}.",
    )
    for person in home.settings.approvers:
        yield Finding(
            f"the public key of {person.principal}",
            person.principal in listed,
            "They make a key of their own, and keep it where only they can read it:\n"
            f"  ssh-keygen -q -t ed25519 -f {quote(person.principal)}.key\n"
            "Its public half is then added to the keys that may sign:\n"
            f"  echo {quote(person.principal)} 'namespaces=\"{','.join(_NAMESPACES)}\"'"
            f" $(cat {quote(person.principal)}.key.pub) >> {quote(str(signers))}",
        )


def _places(home: Home) -> Iterator[Finding]:
    directory, released = home.at(home.settings.geography.directory), releases.released(home)
    yield Finding(
        "the postcode directory" + (f", of {released.in_full}" if released else ""),
        directory.is_file(),
        "Fetch the newest ONS Postcode Directory (ONSPD) from geoportal.statistics.gov.uk, then:\n"
        f"  birthshare geography build FILE.zip --home {quote(str(home.path))}",
    )
    yield _tried("the list of hospital postcodes", partial(hospitals, home))


def _recipients(home: Home, now: datetime) -> Iterator[Finding]:
    file = home.at("reference/recipients.yaml")
    try:
        known = home.recipients()
    except SettingsError as error:
        yield Finding("the register of recipients", False, str(error))
        return
    advice = f"Add each children's centre to {file}; the comments in it show how."
    yield Finding("the register of recipients names somebody", bool(known), advice)
    for code, recipient in known.items():
        yield _recipient_key(home, code, recipient, now)


def _recipient_key(home: Home, code: str, recipient: Recipient, now: datetime) -> Finding:
    if recipient.format == "csv":
        return _tried(f"the key of {code}", partial(check_key, home, recipient, at=now), recipient.key)
    what = f"{recipient.key}: the password of {code}"
    if home.at(recipient.key).exists():
        return _tried(what, partial(check_key, home, recipient, at=now), recipient.key)
    return Finding(
        what,
        False,
        "Make one, with a letter that hands it over:\n"
        f"  birthshare recipients password {code} --as WHO --home {quote(str(home.path))}",
        recipient.key,
    )


def _check_register(home: Home, now: datetime) -> None:
    """Raises SettingsError unless the register and the reach areas are as enough persons signed them."""
    with opened_ledger(home) as ledger:
        standing = register.standing(home, ledger, at=now)
    if not standing.is_agreed:
        raise SettingsError(
            "It does not count before it is signed: " + " ".join(standing.changes),
            where="reference/recipients.yaml",
            do=register.how_to_agree(home),
        )


def _agreements(home: Home, now: datetime) -> Iterator[Finding]:
    try:
        stand = _standing(home, now)
    except BirthshareError as error:
        yield Finding("an agreement that stands", False, f"{error}\n{_how_to_agree(home)}")
        return
    for one in stand:
        yield Finding(f"the agreement {one.agreement.id}, version {one.agreement.version}", True)
        yield _tried("  its suppliers are in the settings", partial(_check_suppliers, home, one))
        yield _tried("  its suppliers send what it is about", partial(check_datasets, home, one.agreement))
        yield _tried("  somebody may approve its releases", partial(_check_release, home, one))
        yield _tried("  reach areas for its recipients", partial(_check_reach, home, one, now))
        yield _tried("  what its fields are filled from", partial(needs.check, home, one.agreement))


def _standing(home: Home, now: datetime) -> list[Loaded]:
    """The agreements that stand; raises the first refusal where none does."""
    return agreed.in_use(home, agreed.looked_at(home, now))


def warnings(home: Home, now: datetime) -> list[str]:
    """Which agreements and keys come to their end, and whether the postcode directory is old.

    What keeps agreements from being read is a finding.
    """
    try:
        versions = agreed.looked_at(home, now)
    except BirthshareError:
        return []
    today = now.astimezone(agreed.LONDON).date()
    return [
        *agreed.warnings(home, versions, today),
        *key_ends.warnings(home, today),
        *releases.warnings(home, today),
    ]


def _how_to_agree(home: Home) -> str:
    return (
        "Copy a template, fill in what is marked REPLACE, see that it can be read, and let every role under\n"
        "`approvers` sign exactly that file:\n"
        f"  cp {quote(str(TEMPLATES))}/NAME.v1.yaml {quote(str(home.agreements))}/\n"
        f"  birthshare agreement check {quote(str(home.agreements))}/NAME.v1.yaml\n"
        f"  birthshare agreement sign {quote(str(home.agreements))}/NAME.v1.yaml --role ROLE --key THEIR_KEY"
    )


def _check_suppliers(home: Home, one: Loaded) -> None:
    unknown = {*one.agreement.suppliers, *one.agreement.hears} - set(home.settings.suppliers)
    if unknown:
        raise SettingsError(
            f"Not under [suppliers]: {', '.join(sorted(unknown))}",
            where=SETTINGS_FILE,
            do="Use the same codes there and in the agreement.",
        )


def _check_release(home: Home, one: Loaded) -> None:
    wanted = one.agreement.release
    able = [person for person in home.settings.approvers if set(person.roles) & set(wanted.roles)]
    if len(able) < wanted.approvals:
        raise SettingsError(
            f"Releases need {wanted.approvals} approval(s) by {' or '.join(wanted.roles)}; "
            f"{len(able)} approver(s) hold such a role",
            where=SETTINGS_FILE,
        )


def _check_reach(home: Home, one: Loaded, now: datetime) -> None:
    """The agreement's network has areas, and each of their recipients can be served."""
    from pipeline.geography.directory import Directory
    from pipeline.geography.reach import Reach

    places, wanted = compiled_places(home, on=now.date()), one.agreement.recipients
    with Directory(places.directory) as opened, Reach(places.reach, opened.facts) as reach:
        if wanted.network is None:
            served = {str(wanted.named)}
        else:
            reach.check_network(wanted.network)
            served = set(reach.facts.recipients[wanted.network])
        localities = needs.localities(home, [one.agreement])
        if localities is not None:
            reach.check_network(localities)  # nobody there needs to be in the register
    of_these_kinds = {code for code, one in home.recipients().items() if one.kind in wanted.kinds}
    unknown = sorted(served - of_these_kinds)
    if unknown:
        kinds = " or ".join(wanted.kinds)
        raise SettingsError(
            f"Not in the register as {kinds}, but named as recipients: {', '.join(unknown)}",
            where=f"{', '.join(home.settings.geography.reach_areas)}, {one.agreement.id}",
            do="Add them to reference/recipients.yaml, or correct the reach areas or the agreement.",
        )


def _notices(home: Home) -> Iterator[Finding]:
    """What logs in to tell people what waits for them, where the settings want that."""
    notices = home.settings.notices
    secret = [notices.mail.password] if notices.mail and notices.mail.user else []
    secret += [notices.webhook.address] if notices.webhook else []
    for file in secret:
        yield _private(
            home,
            file,
            "tells people what waits for them",
            "Ask whoever runs the server; type it, then Ctrl+D:\n"
            f"  (umask 077 && cat > {quote(str(home.at(file)))})",
        )


def _console(home: Home) -> Iterator[Finding]:
    """What the console's sign-on takes, where the settings want one."""
    console = home.settings.console
    if console.sign_on is None:
        return
    yield _private(
        home,
        console.sign_on.client_secret,
        "proves to the sign-on that the console asks",
        "Ask whoever runs the sign-on; type it, then Ctrl+D:\n"
        f"  (umask 077 && cat > {quote(str(home.at(console.sign_on.client_secret)))})",
    )
    yield Finding(
        "people can sign in to the console",
        bool(console.address) and any(one.sign_on for one in console.people),
        f"In {SETTINGS_FILE}, write console.address, and sign_on for people in [[console.people]].",
    )


def _check_ledger(home: Home) -> None:
    with opened_ledger(home) as ledger:
        found = verified(home, ledger)
    if found.problem is not None:
        raise damaged(home, found)


def _servers(home: Home, watch: Watch) -> Iterator[Finding]:
    known = home.recipients()
    for code, supplier in home.settings.suppliers.items():
        if supplier.inbox:
            yield _tried(f"the server where files of {code} wait", partial(check_inbox, home, code))
    for done, (code, recipient) in enumerate(known.items()):
        watch("servers", done, len(known))
        yield _tried(f"the server of {code}", partial(check_reached, home, recipient))
    for code in home.settings.suppliers:
        place = reports.place_of(home, code)
        if place is not None:
            yield _tried(f"the place for reports to {code}", partial(check_reached, home, place))
    watch("servers", 1, 1)


def _outside(home: Home) -> Iterator[Finding]:
    for place in home.settings.ledger.places:
        yield _tried(f"the place {place.name} for checkpoints", partial(_check_opened, home, place))


def _check_opened(home: Home, place: Place) -> None:
    """Raises DeliveryFailed where a place outside cannot be reached; nothing is written there."""
    with places.opened(home, place):
        return
