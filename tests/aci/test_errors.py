from connector.aci.errors import (
    AciError,
    BadRequest,
    Code,
    error_id,
    invalid,
    missing,
    not_implemented,
)

PUBLISHED = {
    "ERRORNOTIMPLEMENTED": 1,
    "ERRORBADREQUEST": 500,
    "ERRORPARAMMISSING": 501,
    "ERRORPARAMINVALID": 502,
    "ERRORPARAMUNKNOWN": 503,
    "ERRORTOOLARGE": 504,
    "ERRORTEMPLATE": 505,
    "ERRORQUEUEUNKNOWN": 510,
    "ERRORTOKENUNKNOWN": 511,
    "ERRORSTATE": 512,
    "ERRORKEYREUSED": 513,
    "ERRORQUEUEFULL": 514,
    "ERRORTASKBUSY": 515,
    "ERRORUNAVAILABLE": 520,
    "ERRORINDOUBT": 521,
    "ERRORINTERNAL": 522,
    "ERRORACTIONFAILED": 523,
    "ERRORUNFINISHED": 524,
    "ERRORNOTPERMITTED": 530,
    "ERRORKEYINVALID": 531,
    "ERRORFOREIGN": 532,
    "ERRORTOOMANY": 533,
}
"""Word to number. Both are for ever: clients match on them."""

WORTH_REPEATING = {"ERRORQUEUEFULL", "ERRORTASKBUSY", "ERRORUNAVAILABLE", "ERRORTOOMANY"}
"""Of these nothing was stored or changed, and the same request may well succeed later."""


def test_published_numbers_never_change_and_every_new_code_is_published_here() -> None:
    assert {code.word: code.number for code in Code} == PUBLISHED


def test_only_what_changed_nothing_and_passes_is_worth_repeating() -> None:
    # Clients repeat such a request by themselves: with one too many an action is stored twice.
    assert {code.word for code in Code if code.retryable} == WORTH_REPEATING


def test_no_number_and_no_word_is_given_twice() -> None:
    # Enum members of equal value would be aliases; equal numbers of unlike words would not.
    assert len({code.number for code in Code}) == len(Code.__members__)
    assert len({code.word for code in Code}) == len(Code.__members__)


def test_the_id_is_product_action_and_number() -> None:
    assert error_id("QueueInfo", Code.PARAM_INVALID) == "WEBEXCONNECTORQUEUEINFO502"
    assert error_id("", Code.BAD_REQUEST) == "WEBEXCONNECTOR500"


def test_an_id_is_one_word_of_ascii_however_strange_the_action() -> None:
    assert error_id("wobble <é>\0" + "x" * 70000, Code.NOT_IMPLEMENTED) == (
        "WEBEXCONNECTORWOBBLE" + "X" * 49 + "1"
    )


def test_an_error_names_its_parameter_once() -> None:
    assert AciError(Code.STATE, "is over", "Token").description == "Parameter 'Token': is over"
    assert AciError(Code.STATE, "The token is old", "Token").description == "The token is old"
    assert (
        str(missing("QueueName", "the name of a queue")) == "Give QueueName: the name of a queue."
    )


def test_an_invalid_value_is_shown_shortened_and_a_secret_one_not_at_all() -> None:
    assert "cannot be '12x'; expected a number." in invalid("Priority", "12x", "a number").args[0]
    assert len(str(invalid("Priority", "9" * 70000, "a number"))) < 200
    assert str(invalid("Password", None, "a word")) == (
        "Password cannot be this value; expected a word."
    )


def test_an_unknown_action_has_the_known_code_and_says_what_to_do() -> None:
    error = not_implemented("Wobble")
    assert (error.code.number, error.code.summary) == (1, "ERROR")
    assert "'Wobble' was not recognised" in str(error) and "GetStatus" in str(error)


def test_a_bad_request_is_an_aci_error_without_an_action() -> None:
    error = BadRequest("Too long.", code=Code.TOO_LARGE)
    assert isinstance(error, AciError) and error.action == ""
    assert error.code is Code.TOO_LARGE
