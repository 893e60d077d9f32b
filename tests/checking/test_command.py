"""`birthshare agreement check`, as a guardian and as a program see it."""

from __future__ import annotations

from pathlib import Path

from month_authority import Authority, CommandLine

FILE = "welcome-card-first-visit.v1.yaml"


def test_a_question_is_answered_with_an_example(birthshare: CommandLine) -> None:
    answer = birthshare("agreement", "check", FILE, "--ask", "a death status", "--ask", "a stillbirth")
    assert answer.code == 0
    for said in ("a death status", "yes", "never", "not a live birth", "a notice of death was removed"):
        assert said in answer.out


def test_a_program_gets_findings_answers_and_the_whole_record(birthshare: CommandLine) -> None:
    found = birthshare("agreement", "check", FILE, "--ask", "death_status=2", "--json").json
    assert found["well"] is True
    [answer] = found["answers"]
    assert (answer["asked"], answer["ever"], answer["stopped_by"]) == ("death_status=2", True, [])
    assert answer["example"]["record"]["death_status"] == "2"
    assert answer["example"]["outcome"] == "share"


def test_an_agreement_that_cannot_work_is_refused_with_its_key(
    authority: Authority, birthshare: CommandLine, tmp_path: Path
) -> None:
    text = authority.agreement_file().read_text()
    (tmp_path / FILE).write_text(text.replace("maximum_age_days: 126", "maximum_age_days: 0"))
    (tmp_path / FILE).write_text((tmp_path / FILE).read_text().replace(
        "  maximum_age_days: 0", "  minimum_age_days: 9\n  maximum_age_days: 0"
    ))  # fmt: skip
    answer = birthshare("agreement", "check", tmp_path / FILE, "--ask", "a twin")
    assert answer.code == 2
    answer.says("cannot work as it is written")
    for said in ("ERROR", "cohort.maximum_age_days", "nobody is both", "Nobody can ever be shared"):
        assert said in answer.out


def test_everything_can_be_asked_at_once(birthshare: CommandLine) -> None:
    """Also where a rule is not there to be asked about: no national opt-out stops this agreement."""
    answer = birthshare("agreement", "check", FILE, "--ask", "all", "--json")
    assert answer.code == 0, answer.err
    found = answer.json
    asked = {answer["asked"] for answer in found["answers"]}
    assert {"a refused parent", "a death status"} <= asked
    assert "a national opt-out" not in asked


def test_what_can_be_asked_is_listed(birthshare: CommandLine) -> None:
    answer = birthshare("agreement", "check", FILE, "--ask", "list")
    assert answer.code == 0
    for said in ("a refused parent", "older than N days", "death_status=", "said_of_death="):
        assert said in answer.out


def test_a_question_that_is_not_understood_is_a_sentence(birthshare: CommandLine) -> None:
    answer = birthshare("agreement", "check", FILE, "--ask", "9434765919")
    assert answer.code == 2
    answer.says("not a property that can be asked about", "--ask list")
    assert "9434765919" not in answer.err + answer.out
