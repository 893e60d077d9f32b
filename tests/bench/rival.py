"""The rival: the script that a competent council analyst would write for this job.

    python rival.py HOME MONTH POSTCODES.csv      (with GNUPGHOME set to the analyst's own keyring)

It is the other side of the comparison in bench.py, so it is written to be fast where such a script
would be fast, in the usual way with the usual libraries. A reader should be able to agree that it is
fair.

The same as in Birthshare: the sealed extract, the gpg program that opens it and the fingerprint that
must have signed it; a check for each row rule and code list of the contract; the agreement's
conditions (consent, its date, form and scope, death, flags, age, residence, address, move); the
newest version of each record; the reach areas with their precedence; an Office password for each
centre that has Excel and an OpenPGP key for the others; a sheet of families, of conditions and of
numbers; a list for every centre, an empty one too; a pinned host key.

In the rival's favour: its keyring stands ready, while Birthshare imports keys afresh each time. Its
directory of postcodes is the same small sample of one district, read from CSV; with the published
directory of 2.7 million rows it would read for seconds, while Birthshare looks up what it built once.
The agreement's terms stand in the code, so that none has to be read, and no signature is verified.

Left out, because such a script has none of it: ledger, permits, receipts and checkpoint; release and
approval; the gate before each list; the rules on families (a lost twin or triplet, one card for
siblings, a refusal by the other parent) and on who was on an earlier list; rows set aside because of
another row of the same child; encrypted working files, so that it starts again from the beginning
when it fails; the report to the supplier; reading a sealed workbook back; writing under another name,
fsync, reading back and renaming on the far side; more than one recipient at a time.
"""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import tomllib
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import great_expectations as gx
import great_expectations.expectations as gxe
import msoffcrypto.format.ooxml
import pandas as pd
import paramiko
import yaml
from openpyxl import Workbook
from openpyxl.styles import Font

AUTHORITY = "E07000222"
FORMS = ["first-visit-form-2025", "first-visit-form-2026"]
DATES = ["date_of_birth", "date_of_death", "parent_date_of_birth", "address_since", "consent_date",
         "notice_date", "objection_date"]  # fmt: skip
NUMBERS = ["nhs_number", "parent_nhs_number"]
NAMES = ["given_name", "family_name", "parent_given_name", "parent_family_name"]
ADDRESS = [f"address_line_{line}" for line in range(1, 6)]
CODES = {
    "sex": ["1", "2", "9", "X"],
    "live_or_still_birth": ["1", "2", "3", "4", "5"],
    "death_status": ["1", "2", "U"],
    "parent_death_status": ["1", "2", "U"],
    "confidentiality": ["U", "R", "V", "REDACTED", "S", "Y", "B"],
    "consent_status": ["given", "refused", "withdrawn", "not_asked"],
    **dict.fromkeys(["in_hospital", "looked_after", "adoption", "safeguarding"], ["Y", "N"]),
}
TEXTS = ["record_id", *NAMES, *ADDRESS, "language", "consent_scope", "consent_wording", "consent_given_by"]
LENGTHS = {"record_id": 50, "postcode": 10, "language": 40, "consent_scope": 200, "consent_given_by": 50}
LISTED = [*NAMES, *ADDRESS, "postcode", "date_of_birth"]


def open_extract(file: Path, fingerprint: str) -> pd.DataFrame:
    opened = subprocess.run(
        ["gpg", "--batch", "--status-fd", "2", "--decrypt", str(file)], capture_output=True, check=True
    )
    if f"VALIDSIG {fingerprint}" not in opened.stderr.decode():
        raise SystemExit("the extract is not signed by the supplier")
    return pd.read_csv(io.BytesIO(opened.stdout), dtype=str)


def nhs_number_ok(number: object) -> bool:
    if not isinstance(number, str) or len(number) != 10 or not number.isdigit():
        return False
    check = 11 - sum(int(digit) * (10 - place) for place, digit in enumerate(number[:9])) % 11
    return check % 11 == int(number[9]) and len(set(number)) > 1


def expectations(today: str) -> list[gxe.Expectation]:
    """The contract's row rules and code lists, field by field, with what Great Expectations brings along."""
    regex, no_regex = gxe.ExpectColumnValuesToMatchRegex, gxe.ExpectColumnValuesToNotMatchRegex
    in_set, between = gxe.ExpectColumnValuesToBeInSet, gxe.ExpectColumnValuesToBeBetween
    pair, strftime = gxe.ExpectColumnPairValuesAToBeGreaterThanB, gxe.ExpectColumnValuesToMatchStrftimeFormat
    day, moment = r"^\d{4}-\d{2}-\d{2}$", r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2})?$"
    not_ahead = ["date_of_birth", "date_of_death", "parent_date_of_birth", "address_since", "last_updated"]
    one_after_other = [("date_of_death", "date_of_birth"), ("number_of_births", "birth_order")]
    return [
        *(gxe.ExpectColumnValuesToNotBeNull(column=name) for name in ("nhs_number", "date_of_birth")),
        *(regex(column=name, regex=r"^\d{10}$") for name in NUMBERS),
        *(no_regex(column=name, regex=r"^(\d)\1{9}$") for name in NUMBERS),
        *(in_set(column=f"{name}_ok", value_set=[True]) for name in NUMBERS),
        *(regex(column=name, regex=day) for name in DATES),
        regex(column="last_updated", regex=moment),
        *(strftime(column=name, strftime_format="%Y-%m-%d") for name in DATES),
        *(between(column=name, max_value=f"{today}T23:59:59") for name in not_ahead),
        *(
            pair(column_A=later, column_B=one, or_equal=True, ignore_row_if="either_value_is_missing")
            for later, one in one_after_other
        ),
        regex(column="time_of_birth", regex=r"^\d{2}:\d{2}(:\d{2})?$"),
        *(regex(column=name, regex=r"^[1-9]$") for name in ("number_of_births", "birth_order")),
        regex(column="postcode", regex=r"^[A-Za-z0-9 ]*$"),
        *(no_regex(column=name, regex=r"^[=+@]|[\x00-\x1f\x7f-\x9f]") for name in TEXTS),
        *(no_regex(column=name, regex=r"^-") for name in NAMES),
        *(
            gxe.ExpectColumnValueLengthsToBeBetween(column=name, max_value=LENGTHS.get(name, 100))
            for name in [*TEXTS, "postcode"]
        ),
        *(in_set(column=name, value_set=codes) for name, codes in CODES.items()),
    ]


def validate(births: pd.DataFrame, today: str) -> pd.DataFrame:
    """Great Expectations says how good the file is; it names too few rows, so pandas sets them aside."""
    for name in NUMBERS:
        births[f"{name}_ok"] = births[name].map(nhs_number_ok).where(births[name].notna())
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("births").add_dataframe_asset("extract")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": births})
    result = batch.validate(gx.ExpectationSuite("births", expectations=expectations(today)))
    print(result.statistics, file=sys.stderr)
    dates = births[DATES].apply(pd.to_datetime, format="%Y-%m-%d", errors="coerce")
    unreadable = (dates.isna() & births[DATES].notna()).any(axis=1) | dates["date_of_birth"].isna()
    ahead = (dates > today).any(axis=1)
    formulas = births[[*NAMES, *ADDRESS]].apply(lambda text: text.str.match(r"[=+@-]", na=False)).any(axis=1)
    parent = births["parent_nhs_number_ok"].ne(False)
    good = births["nhs_number_ok"].eq(True) & parent & ~unreadable & ~ahead & ~formulas
    births[DATES] = dates
    return births[good].sort_values("last_updated").drop_duplicates("nhs_number", keep="last")


def locate(births: pd.DataFrame, postcodes: Path, reach_areas: Path, today: str) -> pd.DataFrame:
    """A merge with the postcodes, then one with the reach areas for each kind of place, smallest first."""
    wanted = {"pcds": "key", "oslaua": "authority", "osward": "ward", "lsoa11": "lsoa11",
              "osgrdind": "grid"}  # fmt: skip
    places = pd.read_csv(postcodes, dtype=str, usecols=list(wanted)).rename(columns=wanted)
    places["key"] = places["key"].str.replace(" ", "")
    births["key"] = births["postcode"].str.upper().str.replace(" ", "")
    births = births.merge(places, on="key", how="left")
    births["sector"] = births["key"].str[:-2]
    areas = pd.read_csv(reach_areas, dtype=str)
    areas = areas[(areas["from"] <= today) & (areas["to"].isna() | (areas["to"] >= today))]
    areas["code"] = areas["code"].str.replace(" ", "")
    births["centre"] = pd.Series(pd.NA, index=births.index, dtype=object)
    for kind, column in {"postcode": "key", "lsoa11": "lsoa11", "sector": "sector", "ward": "ward"}.items():
        of_kind = (
            areas[areas["kind"] == kind].drop_duplicates("code", keep=False).set_index("code")["recipient"]
        )
        births["centre"] = births["centre"].fillna(births[column].map(of_kind))
    claimed_twice = areas[(areas["kind"] == "lsoa11") & areas["code"].duplicated(keep=False)]["code"]
    births.loc[births["lsoa11"].isin(claimed_twice) & births["grid"].isin(list("1234")), "centre"] = pd.NA
    births.loc[~births["grid"].isin(list("1234")), "centre"] = pd.NA
    return births


def agreed(births: pd.DataFrame, month: str, hospitals: list[str], today: pd.Timestamp) -> pd.DataFrame:
    """The families that the agreement allows, one mask after the other."""
    first = pd.Timestamp(f"{month}-01")
    born, asked = births["date_of_birth"], births["consent_date"]
    age_of_parent = (born - births["parent_date_of_birth"]).dt.days / 365.25
    return births[
        (births["live_or_still_birth"] == "1")
        & ~births["death_status"].isin(["1", "2"])
        & births["date_of_death"].isna()
        & ~births["parent_death_status"].isin(["1", "2"])
        & births["confidentiality"].fillna("U").eq("U")
        & births[["looked_after", "adoption", "safeguarding", "in_hospital"]].ne("Y").all(axis=1)
        & ~births["key"].isin(hospitals)
        & ~(age_of_parent < 16)
        & (births["consent_status"] == "given")
        & births["consent_scope"].str.contains(r"(?:^|;)childrens_centre(?:;|$)", na=False)
        & births["consent_wording"].isin(FORMS)
        & (asked >= born) & (asked <= today) & (asked >= today - pd.Timedelta(days=84))
        & births["objection_date"].isna()
        & (born >= first - pd.DateOffset(months=2)) & (born < first + pd.DateOffset(months=1))
        & (born >= today - pd.Timedelta(days=126))
        & ~(births["address_since"] > today - pd.Timedelta(days=35))
        & (births["authority"] == AUTHORITY)
        & births["address_line_1"].notna()
        & births["centre"].notna()
    ]  # fmt: skip


def born_in_area(births: pd.DataFrame, month: str) -> dict[str, int]:
    of_month = births[
        (births["live_or_still_birth"] == "1") & births["date_of_birth"].dt.strftime("%Y-%m").eq(month)
    ]
    counts = of_month.groupby("centre").size()
    return {centre: max(5, round(number / 5) * 5) for centre, number in counts.items()}


def workbook(families: pd.DataFrame, centre: str, month: str, born: int, password: str) -> bytes:
    book = Workbook()
    sheet = book.active
    sheet.title = "Families"
    sheet.append(list(families.columns))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for family in families.itertuples(index=False):
        sheet.append(family)
    for column, width in zip("ABCDEFGHIJK", [18] * 4 + [30] * 5 + [12] * 2, strict=True):
        sheet.column_dimensions[column].width = width
    sheet.freeze_panes = "A2"
    terms = book.create_sheet("Conditions of use")
    terms.append([f"{centre}: families of {month}"])
    terms.append([f"Destroy this list by {date.today() + timedelta(days=90)}."])
    for line in ("Post one welcome card to each family.", "Do not visit, telephone or pass the list on."):
        terms.append([line])
    numbers = book.create_sheet("Your numbers")
    numbers.append(["Families on this list", len(families)])
    numbers.append(["Babies born in your area", born])
    plain, sealed = io.BytesIO(), io.BytesIO()
    book.save(plain)
    msoffcrypto.format.ooxml.OOXMLFile(plain).encrypt(password, sealed)
    return sealed.getvalue()


def encrypted_csv(families: pd.DataFrame, key: Path) -> bytes:
    return subprocess.run(
        ["gpg", "--batch", "--trust-model", "always", "--recipient-file", str(key), "--encrypt"],
        input=families.to_csv(index=False).encode(), capture_output=True, check=True,
    ).stdout  # fmt: skip


def send(content: bytes, name: str, recipient: dict[str, str], private_key: Path) -> None:
    with paramiko.SSHClient() as client:
        kind, key = recipient["host_key"].split()
        host = f"[{recipient['host']}]:{recipient['port']}"
        known = paramiko.PKey.from_type_string(kind, base64.b64decode(key))
        client.get_host_keys().add(host, kind, known)
        client.connect(
            recipient["host"], port=recipient["port"], username=recipient["user"],
            key_filename=str(private_key), look_for_keys=False, allow_agent=False,
        )  # fmt: skip
        sftp = client.open_sftp()
        sftp.putfo(io.BytesIO(content), f"{recipient.get('folder', '.')}/{name}")


def main(home: Path, month: str, postcodes: Path) -> None:
    now, reference = pd.Timestamp.today().normalize(), home / "reference"
    today = now.strftime("%Y-%m-%d")
    settings = tomllib.loads((home / "birthshare.toml").read_text())
    moments = [perf_counter()]
    births = open_extract(
        home / "inbox" / "chis" / f"births_chis_{month}.csv.gpg",
        settings["suppliers"]["chis"]["signing_fingerprint"],
    )
    moments.append(perf_counter())
    births = validate(births, today)
    moments.append(perf_counter())
    births = locate(births, postcodes, reference / "reach_areas.csv", today)
    hospitals = pd.read_csv(reference / "hospital_postcodes.csv")["postcode"].str.replace(" ", "").tolist()
    families, born = agreed(births, month, hospitals, now), born_in_area(births, month)
    moments.append(perf_counter())
    recipients = yaml.safe_load((reference / "recipients.yaml").read_text())["recipients"]
    sending = 0.0
    for recipient in recipients:
        centre = recipient["code"]
        theirs = families.loc[families["centre"] == centre, LISTED].fillna("")
        theirs["date_of_birth"] = theirs["date_of_birth"].dt.strftime("%Y-%m-%d")
        if recipient["format"] == "workbook":
            password = (home / recipient["key"]).read_text().strip()
            sealed, ending = workbook(theirs, centre, month, born.get(centre, 0), password), "xlsx"
        else:
            sealed, ending = encrypted_csv(theirs, home / recipient["key"]), "csv.gpg"
        begun = perf_counter()
        send(sealed, f"families_{month}_{centre}.{ending}", recipient, home / "keys" / "delivery.key")
        sending += perf_counter() - begun
    moments.append(perf_counter())
    steps = [later - earlier for earlier, later in pairwise(moments)]
    steps[-1] -= sending
    names = ["open", "validate", "locate and choose", "make and seal the lists", "send them"]
    seconds = dict(zip(names, [*steps, sending], strict=True))
    print(json.dumps({"rows": len(families), "lists": len(recipients), "seconds": seconds}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
