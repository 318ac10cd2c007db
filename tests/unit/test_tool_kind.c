/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tool_kind.c: which tool calls verify, which change files, which say nothing. The table of
 * lines is the specification: a line that is told wrongly in practice becomes a row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "policy/tool_kind.h"

static const struct {
    const char *line;
    enum pawl_tool_kind kind;
} lines[] = {
    {"pytest", PAWL_TOOL_VERIFIES},
    {"pytest -q tests/test_a.py::test_b", PAWL_TOOL_VERIFIES},
    {"python -m pytest -x", PAWL_TOOL_VERIFIES},
    {"python3.11 -m pytest", PAWL_TOOL_VERIFIES},
    {"cd web && npm test", PAWL_TOOL_VERIFIES},
    {"npm run test:unit -- --watch=false", PAWL_TOOL_VERIFIES},
    {"npm t", PAWL_TOOL_VERIFIES},
    {"npm --prefix web run lint", PAWL_TOOL_VERIFIES},
    {"pnpm -r test", PAWL_TOOL_VERIFIES},
    {"pnpm --filter web build", PAWL_TOOL_VERIFIES},
    {"yarn lint", PAWL_TOOL_VERIFIES},
    {"yarn workspace app test", PAWL_TOOL_VERIFIES},
    {"bun test", PAWL_TOOL_VERIFIES},
    {"npx jest --ci", PAWL_TOOL_VERIFIES},
    {"npx --yes vitest run", PAWL_TOOL_VERIFIES},
    {"npx tsc --noEmit", PAWL_TOOL_VERIFIES},
    {"./node_modules/.bin/eslint src", PAWL_TOOL_VERIFIES},
    {"go test ./...", PAWL_TOOL_VERIFIES},
    {"go vet ./...", PAWL_TOOL_VERIFIES},
    {"go build ./cmd/app", PAWL_TOOL_VERIFIES},
    {"cargo test --all", PAWL_TOOL_VERIFIES},
    {"cargo +nightly clippy -- -D warnings", PAWL_TOOL_VERIFIES},
    {"cargo nextest run", PAWL_TOOL_VERIFIES},
    {"make", PAWL_TOOL_VERIFIES},
    {"make -j8", PAWL_TOOL_VERIFIES},
    {"make test", PAWL_TOOL_VERIFIES},
    {"make check V=1", PAWL_TOOL_VERIFIES},
    {"make -C build test", PAWL_TOOL_VERIFIES},
    {"ctest --output-on-failure", PAWL_TOOL_VERIFIES},
    {"cmake --build build -j4", PAWL_TOOL_VERIFIES},
    {"ninja -C out", PAWL_TOOL_VERIFIES},
    {"mvn -q clean verify", PAWL_TOOL_VERIFIES},
    {"./mvnw test", PAWL_TOOL_VERIFIES},
    {"./gradlew :app:testDebugUnitTest", PAWL_TOOL_VERIFIES},
    {"gradle build", PAWL_TOOL_VERIFIES},
    {"ruff check .", PAWL_TOOL_VERIFIES},
    {"ruff format --check .", PAWL_TOOL_VERIFIES},
    {"mypy src", PAWL_TOOL_VERIFIES},
    {"flake8", PAWL_TOOL_VERIFIES},
    {"bundle exec rubocop -A", PAWL_TOOL_VERIFIES},
    {"bundle exec rspec spec/models", PAWL_TOOL_VERIFIES},
    {"vendor/bin/phpunit --filter Foo", PAWL_TOOL_VERIFIES},
    {"php artisan test", PAWL_TOOL_VERIFIES},
    {"php vendor/bin/phpstan analyse", PAWL_TOOL_VERIFIES},
    {"dotnet test -c Release", PAWL_TOOL_VERIFIES},
    {"bazel test //...", PAWL_TOOL_VERIFIES},
    {"tox -e py311", PAWL_TOOL_VERIFIES},
    {"npx playwright test", PAWL_TOOL_VERIFIES},
    {"CI=1 FOO=\"a b\" pytest", PAWL_TOOL_VERIFIES},
    {"env CI=1 pytest", PAWL_TOOL_VERIFIES},
    {"sudo -u app pytest", PAWL_TOOL_VERIFIES},
    {"timeout 60 pytest", PAWL_TOOL_VERIFIES},
    {"timeout -k 5 2m npm test", PAWL_TOOL_VERIFIES},
    {"bash -lc \"cd /x && npm test\"", PAWL_TOOL_VERIFIES},
    {"bash -c 'pytest -q'", PAWL_TOOL_VERIFIES},
    {"sh -ec 'set -x; go test ./...'", PAWL_TOOL_VERIFIES},
    {"xvfb-run -a npm test", PAWL_TOOL_VERIFIES},
    {"pytest 2>&1 | tail -20", PAWL_TOOL_VERIFIES},
    {"pytest > out.txt 2>&1", PAWL_TOOL_VERIFIES},
    {"cd a; cd b; pytest", PAWL_TOOL_VERIFIES},
    {"(cd web && pytest)", PAWL_TOOL_VERIFIES},
    {"{ pytest; }", PAWL_TOOL_VERIFIES},
    {"if pytest; then echo ok; fi", PAWL_TOOL_VERIFIES},
    {"for i in 1 2 3; do pytest -x; done", PAWL_TOOL_VERIFIES},
    {"! pytest", PAWL_TOOL_VERIFIES},
    {"out=$(pytest -q)", PAWL_TOOL_VERIFIES},
    {"echo \"$(npm test)\"", PAWL_TOOL_VERIFIES},
    {"echo `cargo check`", PAWL_TOOL_VERIFIES},
    {"nohup pytest &", PAWL_TOOL_VERIFIES},
    {"time make test", PAWL_TOOL_VERIFIES},
    {"uv run pytest", PAWL_TOOL_VERIFIES},
    {"uv run --with pytest python -m pytest", PAWL_TOOL_VERIFIES},
    {"poetry run mypy .", PAWL_TOOL_VERIFIES},
    {"docker compose exec web pytest", PAWL_TOOL_VERIFIES},
    {"docker exec -it app npm test", PAWL_TOOL_VERIFIES},
    {"docker build -t x .", PAWL_TOOL_VERIFIES},
    {"python manage.py test", PAWL_TOOL_VERIFIES},
    {"python tools/test.py unit", PAWL_TOOL_VERIFIES},
    {"./run_tests.sh", PAWL_TOOL_VERIFIES},
    {"scripts/lint", PAWL_TOOL_VERIFIES},
    {"bash scripts/ci.sh", PAWL_TOOL_VERIFIES},
    {"node --test", PAWL_TOOL_VERIFIES},
    {"node test/run-tests.js", PAWL_TOOL_VERIFIES},
    {"deno lint", PAWL_TOOL_VERIFIES},
    {"swift build", PAWL_TOOL_VERIFIES},
    {"xcodebuild -scheme App test", PAWL_TOOL_VERIFIES},
    {"flutter analyze", PAWL_TOOL_VERIFIES},
    {"mix test", PAWL_TOOL_VERIFIES},
    {"rake spec", PAWL_TOOL_VERIFIES},
    {"rails test", PAWL_TOOL_VERIFIES},
    {"bin/rails test test/models", PAWL_TOOL_VERIFIES},
    {"black --check .", PAWL_TOOL_VERIFIES},
    {"prettier --check \"src/**\"", PAWL_TOOL_VERIFIES},
    {"gofmt -l .", PAWL_TOOL_VERIFIES},
    {"cargo fmt --check", PAWL_TOOL_VERIFIES},
    {"cargo fmt -- --check", PAWL_TOOL_VERIFIES},
    {"dotnet format --verify-no-changes", PAWL_TOOL_VERIFIES},
    {"terraform validate", PAWL_TOOL_VERIFIES},
    {"pre-commit run --all-files", PAWL_TOOL_VERIFIES},
    {"coverage run -m pytest", PAWL_TOOL_VERIFIES},
    {"gcc -Wall -o a a.c", PAWL_TOOL_VERIFIES},
    {"tsc -p .", PAWL_TOOL_VERIFIES},
    {"next build", PAWL_TOOL_VERIFIES},
    {"vite build", PAWL_TOOL_VERIFIES},
    {"turbo run build test", PAWL_TOOL_VERIFIES},
    {"nx run app:test", PAWL_TOOL_VERIFIES},
    {"find . -name '*_test.py' -exec pytest {} \\;", PAWL_TOOL_VERIFIES},
    {"git diff --name-only | xargs eslint", PAWL_TOOL_VERIFIES},
    {"eval \"npm test\"", PAWL_TOOL_VERIFIES},
    {"su app -c \"pytest\"", PAWL_TOOL_VERIFIES},
    {"flock /tmp/l make test", PAWL_TOOL_VERIFIES},
    {"export CI=1; npm test", PAWL_TOOL_VERIFIES},
    {"set -e\nnpm ci\nnpm test", PAWL_TOOL_VERIFIES},
    {"cat > x.py <<'E'\npytest\nE\npython -m pytest", PAWL_TOOL_VERIFIES},
    {"source .venv/bin/activate && pytest", PAWL_TOOL_VERIFIES},
    {"npm install && npm run build", PAWL_TOOL_VERIFIES},
    {"sed -i s/a/b/ x && pytest", PAWL_TOOL_VERIFIES},
    {"yarn workspaces foreach -A run test", PAWL_TOOL_VERIFIES},
    {"npx @biomejs/biome check src", PAWL_TOOL_VERIFIES},
    {"stdbuf -oL make check", PAWL_TOOL_VERIFIES},
    {"conda run -n env pytest", PAWL_TOOL_VERIFIES},
    {"pytest \\\n  -q", PAWL_TOOL_VERIFIES},
    {"python setup.py test", PAWL_TOOL_VERIFIES},
    {"gotestsum ./...", PAWL_TOOL_VERIFIES},
    {"shellcheck x.sh", PAWL_TOOL_VERIFIES},
    {"golangci-lint run", PAWL_TOOL_VERIFIES},
    {"clang-tidy a.c", PAWL_TOOL_VERIFIES},
    {"./test.sh", PAWL_TOOL_VERIFIES},
    {"poe test", PAWL_TOOL_VERIFIES},
    {"just test", PAWL_TOOL_VERIFIES},
    {"npm run build --if-present", PAWL_TOOL_VERIFIES},
    {"apply_patch <<'EOF'\n*** Begin Patch\npytest\nEOF", PAWL_TOOL_EDITS},
    {"cat > a.txt <<EOF\npytest\nEOF", PAWL_TOOL_EDITS},
    {"echo hello > a.txt", PAWL_TOOL_EDITS},
    {"sed -i 's/pytest/x/' a", PAWL_TOOL_EDITS},
    {"perl -pi -e 's/a/b/' f", PAWL_TOOL_EDITS},
    {"git apply x.patch", PAWL_TOOL_EDITS},
    {"black .", PAWL_TOOL_EDITS},
    {"prettier --write src", PAWL_TOOL_EDITS},
    {"cargo fmt", PAWL_TOOL_EDITS},
    {"ruff format", PAWL_TOOL_EDITS},
    {"mv a b", PAWL_TOOL_EDITS},
    {"tee a.txt", PAWL_TOOL_EDITS},
    {"echo pytest", PAWL_TOOL_NEUTRAL},
    {"echo \"npm test\"", PAWL_TOOL_NEUTRAL},
    {"grep -r \"npm test\" .", PAWL_TOOL_NEUTRAL},
    {"rg pytest", PAWL_TOOL_NEUTRAL},
    {"cat pytest.ini", PAWL_TOOL_NEUTRAL},
    {"ls tests", PAWL_TOOL_NEUTRAL},
    {"git commit -m \"pytest; make test\"", PAWL_TOOL_NEUTRAL},
    {"git log --grep='npm test'", PAWL_TOOL_NEUTRAL},
    {"pip install pytest", PAWL_TOOL_NEUTRAL},
    {"npm install --save-dev jest", PAWL_TOOL_NEUTRAL},
    {"npm ci", PAWL_TOOL_NEUTRAL},
    {"npm run dev", PAWL_TOOL_NEUTRAL},
    {"npm start", PAWL_TOOL_NEUTRAL},
    {"yarn add eslint", PAWL_TOOL_NEUTRAL},
    {"pnpm install", PAWL_TOOL_NEUTRAL},
    {"cargo run", PAWL_TOOL_NEUTRAL},
    {"go run ./cmd/test", PAWL_TOOL_NEUTRAL},
    {"make clean", PAWL_TOOL_NEUTRAL},
    {"make install", PAWL_TOOL_NEUTRAL},
    {"make run", PAWL_TOOL_NEUTRAL},
    {"which pytest", PAWL_TOOL_NEUTRAL},
    {"man make", PAWL_TOOL_NEUTRAL},
    {"pytest --version", PAWL_TOOL_NEUTRAL},
    {"tsc -v", PAWL_TOOL_NEUTRAL},
    {"python -c \"import pytest\"", PAWL_TOOL_NEUTRAL},
    {"python app.py", PAWL_TOOL_NEUTRAL},
    {"node server.js", PAWL_TOOL_NEUTRAL},
    {"docker run -d redis", PAWL_TOOL_NEUTRAL},
    {"docker compose up -d", PAWL_TOOL_NEUTRAL},
    {"test -f pytest.ini", PAWL_TOOL_NEUTRAL},
    {"[ -d tests ]", PAWL_TOOL_NEUTRAL},
    {"cd tests", PAWL_TOOL_NEUTRAL},
    {"cat <<EOF\npytest\nEOF", PAWL_TOOL_NEUTRAL},
    {"# pytest", PAWL_TOOL_NEUTRAL},
    {"true # npm test", PAWL_TOOL_NEUTRAL},
    {"git diff --check", PAWL_TOOL_NEUTRAL},
    {"sed -n 1,20p test.py", PAWL_TOOL_NEUTRAL},
    {"find . -name '*test*'", PAWL_TOOL_NEUTRAL},
    {"head -50 tests/test_a.py", PAWL_TOOL_NEUTRAL},
    {"python -m http.server", PAWL_TOOL_NEUTRAL},
    {"python -m pip install -U tox", PAWL_TOOL_NEUTRAL},
    {"npx create-react-app x", PAWL_TOOL_NEUTRAL},
    {"cargo add serde", PAWL_TOOL_NEUTRAL},
    {"cargo --version", PAWL_TOOL_NEUTRAL},
    {"kubectl get pods", PAWL_TOOL_NEUTRAL},
    {"echo 'a && pytest'", PAWL_TOOL_NEUTRAL},
    {"printf 'pytest\n'", PAWL_TOOL_NEUTRAL},
    {"export PATH=$PATH:/x/pytest", PAWL_TOOL_NEUTRAL},
    {"curl http://x/test", PAWL_TOOL_NEUTRAL},
    {"git status && git diff", PAWL_TOOL_NEUTRAL},
    {"ls -la; pwd", PAWL_TOOL_NEUTRAL},
    {"alias t=pytest", PAWL_TOOL_NEUTRAL},
    {"vim test.py", PAWL_TOOL_NEUTRAL},
    {"npx serve", PAWL_TOOL_NEUTRAL},
    {"webpack serve", PAWL_TOOL_NEUTRAL},
    {"playwright install", PAWL_TOOL_NEUTRAL},
};

static const struct {
    const char *name;
    const char *arguments;
    enum pawl_tool_kind kind;
} tools[] = {
    {"Bash", "{\"command\":\"pytest -q\",\"description\":\"Run tests\"}", PAWL_TOOL_VERIFIES},
    {"Bash", "{\"command\":\"cd web \\u0026\\u0026 npm test\"}", PAWL_TOOL_VERIFIES},
    {"Bash", "{\"command\":\"ls\"}", PAWL_TOOL_NEUTRAL},
    {"Bash", "{}", PAWL_TOOL_NEUTRAL},
    {"Bash", "", PAWL_TOOL_NEUTRAL},
    {"exec_command", "{\"cmd\":\"cargo test\",\"workdir\":\"/x\"}", PAWL_TOOL_VERIFIES},
    {"shell", "{\"command\":[\"bash\",\"-lc\",\"go test ./...\"]}", PAWL_TOOL_VERIFIES},
    {"shell", "{\"command\":[\"pytest\",\"-q\"]}", PAWL_TOOL_VERIFIES},
    {"shell", "{\"command\":[\"echo\",\"pytest\"]}", PAWL_TOOL_NEUTRAL},
    {"shell", "{\"command\":[\"apply_patch\",\"*** Begin Patch\"]}", PAWL_TOOL_EDITS},
    {"shell", "{\"commands\":[\"cd x\",\"make check\"]}", PAWL_TOOL_VERIFIES},
    {"run_shell_command", "{\"command\":\"npm run lint\"}", PAWL_TOOL_VERIFIES},
    {"functions.shell", "{\"command\":\"tox\"}", PAWL_TOOL_VERIFIES},
    {"mcp__term__execute_command", "{\"command\":\"tox\"}", PAWL_TOOL_VERIFIES},
    {"Bash", "{\"command\":\"cat > a.py <<EOF\\npytest\\n", PAWL_TOOL_EDITS}, /* cut */
    {"Bash", "{\"command\":\"pytest tests/\\", PAWL_TOOL_VERIFIES},
    {"terminal", "make test", PAWL_TOOL_VERIFIES},
    {"run_tests", "{}", PAWL_TOOL_VERIFIES},
    {"runTests", "{\"files\":[]}", PAWL_TOOL_VERIFIES},
    {"mcp__ci__run_unit_tests", "{}", PAWL_TOOL_VERIFIES},
    {"lint", "", PAWL_TOOL_VERIFIES},
    {"create_test", "{}", PAWL_TOOL_NEUTRAL},
    {"Edit", "{\"file_path\":\"test.py\",\"new_string\":\"pytest\"}", PAWL_TOOL_EDITS},
    {"MultiEdit", "{}", PAWL_TOOL_EDITS},
    {"Write", "{\"content\":\"x\",\"command\":\"pytest\"}", PAWL_TOOL_EDITS},
    {"write_file", "{}", PAWL_TOOL_EDITS},
    {"replace", "{}", PAWL_TOOL_EDITS},
    {"apply_patch", "*** Begin Patch", PAWL_TOOL_EDITS},
    {"str_replace_based_edit_tool", "{\"command\":\"view\",\"path\":\"a\"}", PAWL_TOOL_NEUTRAL},
    {"str_replace_based_edit_tool", "{\"command\":\"create\"}", PAWL_TOOL_EDITS},
    {"mcp__files__edit_file", "{}", PAWL_TOOL_EDITS},
    {"Read", "{\"file_path\":\"tests/test_a.py\"}", PAWL_TOOL_NEUTRAL},
    {"Grep", "{\"pattern\":\"npm test\"}", PAWL_TOOL_NEUTRAL},
    {"Task", "{\"prompt\":\"run pytest\"}", PAWL_TOOL_NEUTRAL},
    {"", "", PAWL_TOOL_NEUTRAL},
};

static void each_line_is_told_for_what_it_is(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(lines); i++) {
        enum pawl_tool_kind kind = pawl_shell_kind_of(pawl_slice_str(lines[i].line));
        if (kind != lines[i].kind) {
            print_error("%s: %d, not %d\n", lines[i].line, (int)lines[i].kind, (int)kind);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void each_tool_is_told_by_name_and_arguments(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(tools); i++) {
        enum pawl_tool_kind kind =
            pawl_tool_kind_of(pawl_slice_str(tools[i].name), pawl_slice_str(tools[i].arguments));
        if (kind != tools[i].kind) {
            print_error("%s %s: %d, not %d\n", tools[i].name, tools[i].arguments,
                        (int)tools[i].kind, (int)kind);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static bool matches(const char *patterns, const char *name, const char *arguments)
{
    return pawl_tool_matches(pawl_slice_str(patterns), pawl_slice_str(name),
                             pawl_slice_str(arguments));
}

static void a_pattern_is_the_beginning_of_a_command_or_a_tools_name(void **state)
{
    (void)state;
    const char *bench = "{\"command\":\"cd x && sudo ./bench.sh --all\"}";
    assert_true(matches("./bench.sh", "Bash", bench));
    assert_true(matches("make bench, sudo ./bench*", "Bash", bench));
    assert_false(matches("bench.sh", "Bash", bench));
    assert_false(matches("./bench.sh --some", "Bash", bench));
    assert_false(matches("--all", "Bash", bench));
    assert_true(matches("mcp__ci__*", "mcp__ci__start", "{}"));
    assert_false(matches("mcp__ci__*", "mcp__other__start", "{}"));
    assert_false(matches("", "Bash", bench));
    assert_false(matches(" , ,", "Bash", bench));
    assert_true(matches("npm run smoke*", "Bash", "{\"command\":\"bash -c 'npm run smoke:eu'\"}"));
}

static void no_length_and_no_nesting_is_too_much(void **state)
{
    (void)state;
    static char deep[1 << 16];
    size_t bytes = 0;
    while (bytes + 16 < sizeof(deep)) {
        memcpy(deep + bytes, bytes % 3 == 0 ? "$(echo \"" : "`a <<x '(", 9);
        bytes += 9;
    }
    (void)pawl_shell_kind_of(pawl_slice_of(deep, bytes));
    memset(deep, 'a', sizeof(deep));
    assert_int_equal(pawl_shell_kind_of(pawl_slice_of(deep, sizeof(deep))), PAWL_TOOL_NEUTRAL);
    memset(deep, ' ', sizeof(deep));
    memcpy(deep + sizeof(deep) - 6, "pytest", 6);
    assert_int_equal(pawl_shell_kind_of(pawl_slice_of(deep, sizeof(deep))), PAWL_TOOL_VERIFIES);
    for (size_t i = 0; i + 1 < sizeof(deep); i += 2) {
        memcpy(deep + i, "a ", 2);
    }
    assert_int_equal(pawl_shell_kind_of(pawl_slice_of(deep, sizeof(deep))), PAWL_TOOL_NEUTRAL);
}

static void every_cut_of_every_line_is_read_without_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(lines); i++) {
        struct pawl_slice line = pawl_slice_str(lines[i].line);
        for (size_t bytes = 0; bytes < line.bytes; bytes++) {
            char *copy = test_malloc(bytes + 1); /* So that a read beyond it is seen. */
            memcpy(copy, line.data, bytes);
            (void)pawl_shell_kind_of(pawl_slice_of(copy, bytes));
            test_free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_told_for_what_it_is),
        cmocka_unit_test(each_tool_is_told_by_name_and_arguments),
        cmocka_unit_test(a_pattern_is_the_beginning_of_a_command_or_a_tools_name),
        cmocka_unit_test(no_length_and_no_nesting_is_too_much),
        cmocka_unit_test(every_cut_of_every_line_is_read_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
