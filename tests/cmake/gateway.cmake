# SPDX-License-Identifier: Apache-2.0
# The table of paths in docs/GATEWAY.md is made from the code; its self-test runs it over this tree.
add_test(NAME tools/routes COMMAND ${CMAKE_SOURCE_DIR}/tests/tools/routes_gate.py)
pawl_unit_test(price_tier gateway)
pawl_unit_test(price gateway)
pawl_unit_test(price_book gateway)
target_compile_definitions(test_price_book PRIVATE
  PRICES_PATH="${CMAKE_SOURCE_DIR}/data/prices.json")
pawl_unit_test(usage gateway)
pawl_unit_test(quota gateway)
pawl_unit_test(vendor gateway)
pawl_unit_test(meter_anthropic gateway)
pawl_unit_test(meter_openai_chat gateway)
pawl_unit_test(meter_gemini gateway)
pawl_unit_test(meter_openai_responses gateway)
pawl_unit_test(sse gateway)
pawl_fuzz_test(sse gateway)
foreach(dialect anthropic gemini openai_chat openai_responses)
  target_compile_definitions(test_meter_${dialect} PRIVATE
    PAWL_FIXTURES="${CMAKE_SOURCE_DIR}/tests/fixtures")
endforeach()
pawl_unit_test(route gateway)
pawl_unit_test(escalation gateway)
pawl_unit_test(estimate gateway)
pawl_unit_test(estimate_tokens gateway)
# The gateway on its own, for the black-box suites of tests/http.
add_executable(gateway_host ${CMAKE_SOURCE_DIR}/tests/http/gateway_host.c
  ${CMAKE_SOURCE_DIR}/tests/http/gateway_host_options.c)
target_link_libraries(gateway_host PRIVATE pawl_gateway pawl_test_options)
pawl_unit_test(gateway_request gateway)
pawl_unit_test(request_responses gateway)
pawl_unit_test(containers gateway)
pawl_unit_test(gateway_media gateway)
pawl_unit_test(gateway_gemini gateway)
pawl_unit_test(request_anthropic gateway)
pawl_unit_test(items gateway)
pawl_unit_test(admission gateway)
pawl_unit_test(admission_drawn gateway)
foreach(test gateway_calls gateway_holds)
  pawl_unit_test(${test} gateway)
  target_sources(test_${test} PRIVATE
    ${CMAKE_SOURCE_DIR}/tests/unit/test_gateway_support.c
    ${CMAKE_SOURCE_DIR}/tests/lib/fake_authority.c ${CMAKE_SOURCE_DIR}/tests/lib/fake_net.c)
endforeach()
pawl_unit_test(gateway_headers gateway)
pawl_fuzz_test(gateway_request gateway)
pawl_unit_test(tokenizer gateway)
pawl_unit_test(tool_reader gateway)
target_compile_definitions(test_tokenizer PRIVATE
  PAWL_FIXTURES="${CMAKE_SOURCE_DIR}/tests/fixtures")
pawl_fuzz_test(tokenizer gateway)
# What tests/sdk/tokens compares with another o200k_base.
add_executable(token_dump ${CMAKE_SOURCE_DIR}/tests/sdk/token_dump.c)
target_link_libraries(token_dump PRIVATE pawl_gateway pawl_test_options)
