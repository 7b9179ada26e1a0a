"""AC602: which names are taken for credentials and personal data."""

from pathlib import Path

import pytest
from tests.support.small_catalog import write_catalog

from auditwright_generator.check import read_catalog
from auditwright_generator.checks.explanations import BASE

CREDENTIALS = """
    password user_password new_passwords password_hash api_key github_api_key api_keys access_token
    link_token token tokens refresh_token personal_access_token client_secret secret credentials jwt otp
    pin passphrase private_key aws_secret_access_key session_cookie authorization verification_code
    recovery_codes
"""
PERSONAL = """
    email emails customer_email email_addrs email_address reply_to_email_addresses ip remote_ip_address
    client_ip source_ip_address phone phone_number address addresses home_address first_name full_name
    date_of_birth birthday passport_number ssn iban card_number latitude salary location zip_code
"""
NEITHER = """
    next_token next_page_token update_tokens client_token client_request_token page_token
    continuation_token token_type token_count token_id secret_id secret_name password_policy
    password_length api_key_id access_key_id key_pair keys cookie_name authorization_type pinned
    ip_protocol ip_address_type ip_pool elastic_ip_id email_uid email_subject email_template_name
    phone_model address_type contract_address mac_address mailbox_name location_id storage_location
    street_view zip_file card_type first_page name_first gender_neutral skip shipping
"""


def test_names_alone_tell_what_must_be_classified(tmp_path: Path) -> None:
    names = f"{CREDENTIALS} {PERSONAL} {NEITHER}".split()
    fields = "".join(
        f"{name}:\n  title: Field {number}\n  type: {'string' if number % 2 else 'list of string'}\n"
        f"  description: Number {number}.\n"
        for number, name in enumerate(names)
    )
    write_catalog(tmp_path, {"fields.yaml": BASE["fields.yaml"] + fields})
    found = [each.message for each in read_catalog(tmp_path).findings if each.code == "AC602"]
    assert found == [
        *(
            f"field {name} has a name like a credential and has no sensitivity; "
            "write sensitivity: secret, or public if it is not one"
            for name in CREDENTIALS.split()
        ),
        *(
            f"field {name} has a name like personal data and has no sensitivity; "
            "write sensitivity: personal, or public if it is not"
            for name in PERSONAL.split()
        ),
    ]


@pytest.mark.parametrize(
    ("stored_as", "like"),
    [
        ("apiKey", "a credential"),
        ("X-Auth-Token", "a credential"),
        ("clientIP", "personal data"),
        ("nextToken", None),
        ("ipProtocol", None),
    ],
)
def test_the_stored_name_tells_it_too(tmp_path: Path, stored_as: str, like: str | None) -> None:
    fields = BASE["fields.yaml"].replace("title: Board ID\n", f"title: Board ID\n  stored_as: {stored_as}\n")
    write_catalog(tmp_path, {"fields.yaml": fields})
    found = [each.message.partition(" and has")[0] for each in read_catalog(tmp_path).findings]
    assert found == ([f"field board_id is stored as {stored_as}, a name like {like},"] if like else [])


def test_a_reason_suppresses_the_guess(tmp_path: Path) -> None:
    guest = BASE["fields.yaml"].replace(
        "type: email\n  sensitivity: personal\n",
        "type: email\n  suppress: {AC602: {reason: Addresses of our own mailing lists}}\n",
    )
    write_catalog(tmp_path, {"fields.yaml": guest})
    checked = read_catalog(tmp_path)
    assert checked.findings == ()
    assert [(each.finding.code, each.reason) for each in checked.suppressed] == [
        ("AC602", "Addresses of our own mailing lists")
    ]
    assert checked.catalog is not None
