"""The checklists of the reference, and which tests cover each line of them.

`COVERED` is to be read beside part C7 of the reference (what a server that wants to satisfy client
programs must do) and its appendix A (what is documented or was observed). Where we knowingly do
otherwise, `DEVIATIONS` has the words of `docs/deviations.md`, and the tests are of what stands in
the line's place.
"""

import ast
from collections.abc import Mapping
from pathlib import Path

TESTS = Path(__file__).parents[1]

COVERED: Mapping[str, str] = {
    # Every form of a request, the action in either place, any case, empty pairs, the first "=".
    "C7.1": """
        aci/test_request.py::test_every_form_of_target_is_the_same_request
        aci/test_request.py::test_the_body_wins_over_the_target_except_for_the_action
        aci/test_request_forms.py::test_parameters_survive_every_form_of_request
        aci/test_http.py::test_every_form_of_a_get_stores_the_same_action
        aci/test_client_needs.py::test_names_and_fixed_values_are_taken_in_any_case
        """,
    # Bodies are parameters whatever their type; multipart with and without names; chunks.
    "C7.2": """
        aci/test_request.py::test_a_body_is_read_as_parameters_whatever_its_type
        aci/test_http.py::test_a_body_is_parameters_whatever_its_type
        aci/test_multipart.py::test_the_java_clients_streams_and_texts_are_told_apart
        aci/test_multipart.py::test_a_part_with_a_file_name_and_no_type_is_a_file
        aci/test_client_needs.py::test_a_multipart_body_may_come_in_chunks
        """,
    # Long request lines, raw signs in the path, many requests a connection, idle connections.
    "C7.3": """
        aci/test_bad_input.py::test_a_request_line_of_one_byte_less_than_64_kib_is_taken_for_certain
        aci/test_client_needs.py::test_a_path_may_hold_equals_signs_commas_and_colons_unescaped
        aci/test_client_needs.py::test_one_connection_carries_many_requests_and_a_client_may_have_several
        aci/test_client_needs.py::test_a_connection_on_which_nothing_comes_for_seconds_stays
        """,
    # Status 200 for errors too, and the content types.
    "C7.4": """
        aci/test_contract.py::test_an_answer_has_its_three_parts_in_order
        aci/test_contract.py::test_what_cannot_be_read_is_answered_in_the_format_it_asks_for
        aci/test_formats.py::test_media_types_are_those_official_clients_accept
        """,
    # Answers well within 10 s; the token at once.
    "C7.5": """
        aci/test_synchronous.py::test_without_it_the_token_comes_at_once
        aci/test_synchronous.py::test_past_its_time_the_error_carries_the_token_and_the_action_goes_on
        aci/test_database_away.py::test_a_database_that_hangs_is_told_in_time
        aci/test_waiting.py::test_a_wait_without_a_change_ends_when_its_time_is_up
        """,
    # The envelope: order, capitals, no namespace, no DOCTYPE, the prefix where it belongs.
    "C7.6": """
        aci/test_contract.py::test_an_answer_has_its_three_parts_in_order
        aci/test_http.py::test_the_envelope_is_as_clients_know_it
        aci/test_formats.py::test_a_reply_is_as_in_its_golden_file
        aci/test_client_needs.py::test_the_prefix_is_for_facts_of_version_status_and_pid_only
        """,
    # All six fields of an error.
    "C7.7": """
        aci/test_formats.py::test_an_error_reply_has_all_six_fields_in_order
        aci/test_contract.py::test_an_answer_has_its_three_parts_in_order
        """,
    # Tokens that are safe in a URL, taken back raw and escaped.
    "C7.8": """
        aci/test_client_needs.py::test_a_token_is_taken_back_raw_and_escaped
        jobs/test_reading.py::test_tokens_are_uuids_of_version_7_and_follow_each_other
        """,
    # What GetStatus tells of an action, and of a queue.
    "C7.9": """
        aci/test_queueinfo.py::test_each_state_has_its_word_and_its_elements_in_order
        aci/test_queueinfo.py::test_results_stand_in_the_action_itself
        aci/test_queueinfo.py::test_a_whole_queue_is_listed_newest_first
        aci/test_listing.py::test_no_actions_are_an_empty_list_in_every_format
        aci/test_dates.py::test_times_are_local_in_whole_seconds_with_an_english_month
        aci/test_dates.py::test_seconds_are_whole_and_never_negative
        """,
    # The words of status.
    "C7.10": """
        aci/test_queueinfo.py::test_each_state_has_its_word_and_its_elements_in_order
        aci/test_classic_status.py::test_with_classic_status_a_cancelled_action_is_an_error_that_says_by_whom
        aci/test_client_needs.py::test_with_classic_status_a_stopped_action_is_an_error_that_says_by_whom
        """,
    # json, simplejson, and XML where nothing else is asked for.
    "C7.11": """
        aci/test_formats.py::test_the_paths_clients_read_in_json_are_there
        aci/test_formats.py::test_arrays_are_a_matter_of_the_schema_not_of_the_count
        aci/test_formats.py::test_a_format_is_named_in_any_case_and_xml_is_the_default
        aci/test_schemas.py::test_every_answer_is_as_its_schema_says
        """,
    # GetVersion, GetStatus, GetPid; an unknown action.
    "C7.12": """
        aci/test_standard.py::test_the_version_has_the_facts_that_clients_read_in_their_forms
        aci/test_standard.py::test_the_status_lists_actions_with_their_fetch_actions_queues_and_tasks
        aci/test_client_needs.py::test_the_pid_stands_there_letter_by_letter
        aci/test_bad_input.py::test_what_was_wrong_is_named
        """,
    # The verbs, with and without a token.
    "C7.13": """
        aci/test_client_needs.py::test_a_verb_answers_success_and_little_else_with_and_without_a_token
        """,
    # Encryption is one more unknown action.
    "C7.14": """
        aci/test_client_needs.py::test_an_encrypted_action_is_one_more_that_is_unknown
        """,
    # Equal forms of a request; case; empty pairs; "=" in a value.
    "A.1": """
        aci/test_request.py::test_every_form_of_target_is_the_same_request
        aci/test_http.py::test_every_form_of_a_get_stores_the_same_action
        aci/test_client_needs.py::test_names_and_fixed_values_are_taken_in_any_case
        """,
    # POST under text/plain; lines; multipart with the action in the query.
    "A.2": """
        aci/test_request.py::test_a_body_is_read_as_parameters_whatever_its_type
        aci/test_http.py::test_a_body_is_parameters_whatever_its_type
        aci/test_http.py::test_multipart_parts_are_parameters
        """,
    # Errors: status 200, text/xml, six fields, the form of errortime.
    "A.3": """
        aci/test_contract.py::test_an_answer_has_its_three_parts_in_order
        aci/test_formats.py::test_an_error_reply_has_all_six_fields_in_order
        """,
    # The two errorcodes that are known.
    "A.4": """
        aci/test_bad_input.py::test_what_was_wrong_is_named
        aci/test_errors.py::test_published_numbers_never_change_and_every_new_code_is_published_here
        """,
    # The envelope.
    "A.5": """
        aci/test_contract.py::test_an_answer_has_its_three_parts_in_order
        aci/test_formats.py::test_a_reply_is_as_in_its_golden_file
        aci/test_xml.py::test_any_reply_is_well_formed_with_its_three_children
        """,
    # An asynchronous action answers a token and nothing else.
    "A.6": """
        aci/test_client_needs.py::test_a_token_in_json_is_all_of_the_data
        aci/test_client_needs.py::test_a_token_is_taken_back_raw_and_escaped
        system/test_fetch.py::test_an_action_over_http_becomes_documents
        """,
    # The elements of an action and their dates.
    "A.7": """
        aci/test_queueinfo.py::test_each_state_has_its_word_and_its_elements_in_order
        aci/test_dates.py::test_times_are_local_in_whole_seconds_with_an_english_month
        """,
    # Order and filters.
    "A.8": """
        aci/test_listing.py::test_every_action_is_listed_newest_first_and_from_a_cursor_on
        aci/test_listing.py::test_states_choose_by_word_state_and_group
        aci/test_orders.py::test_actions_come_by_their_time_and_those_without_one_last
        aci/test_orders.py::test_arrival_is_gone_through_both_ways_without_a_bound
        aci/test_listing.py::test_times_choose
        aci/test_listing.py::test_a_time_is_the_servers_unless_it_names_a_zone
        """,
    # The ten queue actions; what cancel refuses; stop of all that run.
    "A.9": """
        aci/test_help.py::test_queueinfo_looks_at_the_parameters_it_declares_and_at_no_other
        aci/test_queueinfo.py::test_what_cancel_and_stop_answer
        aci/test_queueinfo.py::test_stop_without_a_token_asks_all_that_run
        aci/test_queue_verbs.py::test_a_copy_runs_beside_the_original
        aci/test_queue_verbs.py::test_parameters_of_all_open_actions_are_told
        """,
    # Both forms of JSON.
    "A.10": """
        aci/test_formats.py::test_the_paths_clients_read_in_json_are_there
        aci/test_schemas.py::test_every_answer_is_as_its_schema_says
        aci/test_schemas.py::test_a_schema_refuses_one_action_that_is_no_array
        """,
    # GetPid, GetVersion, and GetStatus of the service port.
    "A.11": """
        aci/test_client_needs.py::test_the_pid_stands_there_letter_by_letter
        aci/test_standard.py::test_the_version_has_the_facts_that_clients_read_in_their_forms
        service/test_actions.py::test_every_action_of_the_service_port_answers
        """,
    # [Actions] and [Fetch]; MaximumThreads.
    "A.12": """
        config/test_load.py::test_an_actions_section_wins_over_the_common_one
        system/test_maximum_threads.py::test_no_more_actions_of_a_queue_run_at_once_than_maximum_threads
        system/test_maximum_threads.py::test_the_section_fetch_wins_over_actions
        system/test_limits.py::test_a_paused_action_frees_its_slot_and_goes_on_from_its_checkpoint
        """,
    # One queue, several servers.
    "A.13": """
        system/test_two_servers.py::test_each_request_runs_once_and_its_results_are_read_from_either_server
        system/test_two_servers.py::test_what_one_server_began_the_other_ends_and_tells
        """,
}
"""Line of a checklist to the tests that cover it."""

LINES = {*(f"C7.{n}" for n in range(1, 15)), *(f"A.{n}" for n in range(1, 14))}
"""Every line that there is."""

DEVIATIONS = {
    "C7.8": "a token is a uuid",
    "A.6": "a token is a uuid",
    "A.9": "also for these",
    "A.12": "it takes none",
}
"""Line of which we do a part otherwise, to what docs/deviations.md says of it."""


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_line_of_the_checklists_has_tests_and_they_exist() -> None:
    assert set(COVERED) == LINES
    for line, tests in COVERED.items():
        assert tests.split(), line
        for test in tests.split():
            file, _, name = test.partition("::")
            assert name.startswith("test_") and name in names_in(TESTS / file), f"{line}: {test}"


def test_every_line_that_is_done_otherwise_stands_in_the_deviations() -> None:
    told = (TESTS.parent / "docs/deviations.md").read_text("utf-8")
    for line, words in DEVIATIONS.items():
        assert line in COVERED and f" {words}" in told, line
