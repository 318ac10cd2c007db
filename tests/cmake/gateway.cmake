# SPDX-License-Identifier: Apache-2.0
pawl_unit_test(price gateway)
target_compile_definitions(test_price PRIVATE PRICES_PATH="${CMAKE_SOURCE_DIR}/data/prices.json")
pawl_unit_test(usage gateway)
pawl_unit_test(meter_anthropic gateway)
pawl_unit_test(meter_openai_chat gateway)
pawl_unit_test(meter_openai_responses gateway)
pawl_unit_test(sse gateway)
pawl_fuzz_test(sse gateway)
foreach(dialect anthropic openai_chat openai_responses)
  target_compile_definitions(test_meter_${dialect} PRIVATE
    PAWL_FIXTURES="${CMAKE_SOURCE_DIR}/tests/fixtures")
endforeach()
pawl_unit_test(route gateway)
pawl_unit_test(estimate gateway)
# The gateway on its own, for the black-box suites of tests/http.
add_executable(gateway_host ${CMAKE_SOURCE_DIR}/tests/http/gateway_host.c)
target_link_libraries(gateway_host PRIVATE pawl_gateway pawl_test_options)
pawl_unit_test(gateway_request gateway)
pawl_unit_test(request_responses gateway)
pawl_unit_test(gateway_media gateway)
pawl_unit_test(admission gateway)
pawl_unit_test(gateway_calls gateway)
target_sources(test_gateway_calls PRIVATE
  ${CMAKE_SOURCE_DIR}/tests/lib/fake_authority.c ${CMAKE_SOURCE_DIR}/tests/lib/fake_net.c)
pawl_unit_test(gateway_headers gateway)
pawl_fuzz_test(gateway_request gateway)
pawl_unit_test(tokenizer gateway)
target_compile_definitions(test_tokenizer PRIVATE
  PAWL_FIXTURES="${CMAKE_SOURCE_DIR}/tests/fixtures")
pawl_fuzz_test(tokenizer gateway)
# What tests/sdk/tokens compares with another o200k_base.
add_executable(token_dump ${CMAKE_SOURCE_DIR}/tests/sdk/token_dump.c)
target_link_libraries(token_dump PRIVATE pawl_gateway pawl_test_options)
