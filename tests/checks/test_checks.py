#!/usr/bin/env python3
"""Each check bites on what it is there for, and leaves sound code alone."""

import os
import tempfile
import textwrap
import unittest
import unittest.mock

import coroutines
import formatting
import layers
import leftovers
import readmes
import sizes
from tree import Tree

README = """
| room | stands on | what |
|---|---|---|
| [`base/`](base/README.md) | | ground |
| `net/` | `base/` | bytes |
| `wal/` | `base/` | log |
| `dht/` | `net/`, `wal/` | members |
| `tools/` | `dht/` | programs |
| `tests/` | `tools/` | tests |
"""


def lines(found):
    return [line for line, _ in found]


class Project(Tree):
    """A small tree of files in a folder of its own, which goes when the project does."""

    def __init__(self, files):
        self.folder = tempfile.TemporaryDirectory()
        for path, text in files.items():
            whole = os.path.join(self.folder.name, path)
            os.makedirs(os.path.dirname(whole), exist_ok=True)
            with open(whole, "w", encoding="utf-8") as file:
                file.write(text)
        super().__init__(self.folder.name)

    def found(self, check):
        with self.folder:
            return list(check.run(self))


class Coroutines(unittest.TestCase):
    def found(self, body):
        return coroutines.check("Task<void> run(Env& env) {\n" + textwrap.dedent(body) + "}\n")

    def assert_bad(self, body, line=2):
        self.assertEqual(sorted(set(lines(self.found(body)))), [line], body)

    def assert_good(self, body):
        self.assertEqual(self.found(body), [], body)

    def test_braces_beside_co_await(self):
        self.assert_bad("co_await send({1, 2});\n")
        self.assert_bad("co_await send(Options{.deep = true});\n")
        self.assert_bad("auto x{co_await get()};\n")
        self.assert_bad("auto x = Pair{co_await get(), 1};\n")
        self.assert_bad("if (co_await send(std::vector<int>{})) {\n  run();\n}\n")
        self.assert_bad("while (!(co_await next(Key{1})).ok()) step();\n")
        self.assert_bad("CO_RETURN_IF_ERROR(co_await send(Options{}));\n")
        self.assert_bad("co_return co_await send(std::array<std::string, 1>{name});\n")
        self.assert_bad("for (auto x = co_await get(Key{}); x; x = next()) step();\n")
        self.assert_bad("for (int item : co_await list(Range{1, 2})) step(item);\n")
        self.assert_bad("do {\n  step();\n} while (co_await more(Key{}));\n", 4)

    def test_statements_of_several_lines(self):
        self.assert_bad("auto r = call(first,\n    co_await get(),\n    Options{\n        .deep = true});\n", 3)
        self.assert_bad("co_await send(\n    first,\n    {1});\n")

    def test_capturing_lambdas_beside_co_await(self):
        self.assert_bad("co_await pool.run([data] { return hash(data); });\n")
        self.assert_bad("co_await pool.run(\n    [data = std::move(data)]() mutable -> Id {\n  return hash(data);\n});\n")
        self.assert_good("co_await pool.run([] { return hash(); });\n")
        self.assert_good("auto job = [data] { return Id{data}; };\nco_await pool.run(std::move(job));\n")

    def test_conditional_beside_co_await(self):
        self.assert_bad("auto x = deep ? co_await get() : other();\n")
        self.assert_bad("co_await send(deep ? a : b);\n")
        self.assert_good("auto what = deep ? a : b;\nco_await send(what);\n")

    def test_co_await_in_catch(self):
        self.assert_bad("try {\n  step();\n} catch (const Error& e) {\n  co_await undo();\n}\n", 5)
        self.assert_good("try {\n  co_await step();\n} catch (...) {\n  failed = true;\n}\nco_await undo();\n")

    def test_capturing_coroutine_lambdas(self):
        self.assert_bad("group.spawn([this]() -> Task<void> { co_await step(); }());\n")
        self.assert_bad("auto body = [&](int i) -> Task<void> {\n  co_return;\n};\n")
        self.assert_good("auto body = [](Env& env) -> Task<void> { co_await step(env); };\n")
        self.assert_good("auto outer = [&] { auto inner = [](int i) -> Task<void> { co_return; }; use(inner); };\n")

    def test_default_arguments_in_braces(self):
        self.assertEqual(lines(coroutines.check("Task<void> get(Key key, Options o = {});\n")), [1])
        self.assertEqual(lines(coroutines.check("class A {\n  Task<Status> get(Options o = Options{});\n};\n")), [2])
        self.assertEqual(coroutines.check("Task<void> get(Key key, int n = 3);\nvoid set(Options o = {});\n"), [])

    def test_sound_code(self):
        self.assert_good("int list[] = {1, 2};\nfor (int i : {1, 2}) {\n  co_await step(i);\n}\n")
        self.assert_good("if (ready) {\n  co_await step();\n} else {\n  auto x = Options{};\n}\n")
        self.assert_good("switch (kind) {\n  case Kind::a: {\n    co_await step();\n    break;\n  }\n  default:\n    break;\n}\n")
        self.assert_good("auto& [a, b] = pair;\nco_await step(a[0], map[key]);\n")
        self.assert_good('co_await send("{", \'{\');  // {}\n')
        self.assert_good('co_await send(R"(a{"?"}b)");\n')
        self.assert_good("Options o{};\no.deep = true;\nco_await send(std::move(o));\n")

    def test_members_templates_and_constructors(self):
        text = """
        template <class T = void>
        class Box : public Base<T> {
         public:
          explicit Box(Loop& loop) : a_{1}, b_(loop) {}
          Box(Loop& loop, int n) : b_(loop), a_{n} {
            start();
          }
          Task<Result<T>> wait() && {
            if (!result_) co_await parking_.park();
            co_return std::move(*result_);
          }
          auto later() const -> Task<void> {
            co_await step();
          }
          Box& operator=(const Box&) { return *this; }
          template <class U>
          requires(sizeof(U) > 1) Task<void> twice(U value) {
            co_await step(value);
          }

         private:
          int a_{0};
          std::map<int, int> b_ = {{1, 2}};
        };
        """
        self.assertEqual(coroutines.check(text), [])
        self.assertEqual(lines(coroutines.check(text.replace("step(value)", "step({value})"))), [19])


class Layers(unittest.TestCase):
    table = layers.edges(README)

    def found(self, path, text):
        return [message for _, message in layers.check(path, text, self.table)]

    def test_rooms_include_what_they_stand_on(self):
        self.assertEqual(self.found("dht/a.cc", '#include "net/b.h"\n#include "base/c.h"\n#include "dht/d.h"\n'), [])
        self.assertEqual(self.found("tests/a.cc", '#include "tools/b.h"\n#include "wal/c.h"\n'), [])

    def test_other_edges_are_refused(self):
        for path, include in [
            ("net/a.cc", "wal/b.h"),
            ("base/a.h", "net/b.h"),
            ("net/a.cc", "dht/b.h"),
            ("dht/a.cc", "tests/sim/b.h"),
            ("dht/a.cc", "b.h"),
            ("dht/a.cc", "../net/b.h"),
            ("dht/a.cc", "elsewhere/b.h"),
        ]:
            self.assertEqual(len(self.found(path, f'#include "{include}"\n')), 1, (path, include))
        self.assertEqual(len(self.found("dht/a.cc", "#include <base/b.h>\n")), 1)

    def test_asio_comes_through_one_header(self):
        self.assertEqual(len(self.found("net/a.cc", "#include <asio/post.hpp>\n")), 1)
        self.assertEqual(len(self.found("base/a.h", "#include <asio.hpp>\n")), 1)
        self.assertEqual(self.found("base/asio.h", "#include <asio/post.hpp>\n"), [])
        self.assertEqual(self.found("base/real/a.h", "#include <asio/ip/tcp.hpp>\n"), [])

    def test_the_world_comes_through_the_door(self):
        for text in [
            "auto now = std::chrono::steady_clock::now();",
            "clock_gettime(CLOCK_REALTIME, &now);",
            "std::random_device device;",
            "asio::ip::tcp::socket socket(context);",
            "RAND_bytes(key, 32);",
            "int n = rand();",
            "std::thread worker(run);",
            "int fd = ::open(path, 0);",
            "std::ofstream out(path);",
            'std::getenv("HOME");',
        ]:
            self.assertEqual(len(self.found("dht/a.cc", text + "\n")), 1, text)
            self.assertEqual(self.found("base/real/a.cc", text + "\n"), [], text)
        self.assertEqual(self.found("dht/a.cc", "// no steady_clock here\nenv.random();\nfile.open(x);\noperand(1);\n"), [])

    def test_a_readme_without_the_table_is_refused(self):
        found = Project({"README.md": "# no table\n", "base/a.h": "int x;\n"}).found(layers)
        self.assertEqual(len(found), 1)


class Formatting(unittest.TestCase):
    def test_ugly_code_is_found(self):
        style = "BasedOnStyle: Google\n"
        found = Project({".clang-format": style, "a.cc": "int  x ;\n", "b.cc": "int x;\n"}).found(formatting)
        self.assertEqual(len(found), 1)
        self.assertIn("a.cc:1", found[0])


class Sizes(unittest.TestCase):
    def test_long_functions_are_found(self):
        body = "  step();\n" * 69
        self.assertEqual(list(sizes.check("a.cc", "void f() {\n" + body[10:] + "}\n")), [])
        found = list(sizes.check("a.cc", "namespace a {\nclass B {\n  int f(int x) const {\n" + body + "  }\n};\n}\n"))
        self.assertEqual(len(found), 1)
        self.assertIn("a.cc:3: f has 71 lines", found[0])
        found = list(sizes.check("a.cc", 'TEST_CASE("is long") {\n' + body + "}\n"))
        self.assertIn('"is long" has 71 lines', found[0])

    def test_classes_and_namespaces_may_be_long(self):
        members = "  int f() const { return 1; }\n" * 100
        self.assertEqual(list(sizes.check("a.cc", "namespace a {\nstruct B : C<int> {\n" + members + "};\n}\n")), [])

    def test_long_files_are_found(self):
        self.assertEqual(len(list(sizes.check("a.h", "int x;\n" * 251))), 1)
        self.assertEqual(len(list(sizes.check("a.cc", "int x;\n" * 601))), 1)
        self.assertEqual(list(sizes.check("a.cc", "int x;\n" * 600)), [])

    def test_large_files_are_found(self):
        with unittest.mock.patch.object(sizes, "ALLOWED", {}):
            self.assertEqual(len(Project({"a.bin": "x" * 400_001, "b.bin": "x" * 400_000}).found(sizes)), 1)

    def test_what_may_be_larger_must_be_there(self):
        long = {"a.h": "int x;\n" * 251}
        with unittest.mock.patch.object(sizes, "ALLOWED", {"a.h": "a reason"}):
            self.assertEqual(len(Project(long).found(sizes)), 0)
        with unittest.mock.patch.object(sizes, "ALLOWED", {"a.h": "a reason", "b.h": "another"}):
            self.assertEqual(len(Project(long).found(sizes)), 1)


class Leftovers(unittest.TestCase):
    def count(self, path, text):
        return len(list(leftovers.check(path, text)))

    def test_notes_to_oneself(self):
        self.assertEqual(self.count("scripts/a", "# TO" + "DO: later\n"), 1)
        self.assertEqual(self.count("base/a.md", "HA" + "CK\n"), 1)

    def test_code_in_comments(self):
        for code in ["foo(bar);", "return x;", "if (x) {", "int a = b(c);", "}", "x.y->z(1, 2);", "#include <map>", "a = b;"]:
            self.assertEqual(self.count("base/a.cc", f"int x;\n// {code}\n"), 1, code)
            self.assertEqual(self.count("base/a.cc", f"int x;  // {code}\n"), 1, code)
        for prose in [
            "It is closed when the last reference goes;",
            "The first call wins; later ones change nothing.",
            "   foo(bar);",
            "Returns the size (in bytes).",
            "= is not compared",
            "https://example.org/a",
        ]:
            self.assertEqual(self.count("base/a.cc", f"// {prose}\n"), 0, prose)
        self.assertEqual(self.count("base/a.cc", 'auto x = "// foo(bar);";\n'), 0)

    def test_debug_output(self):
        for text in ["std::cerr << x;", 'printf("x");', 'fprintf(stderr, "x");', "std::cout << 1;"]:
            self.assertEqual(self.count("dht/a.cc", text + "\n"), 1, text)
            self.assertEqual(self.count("tools/a.cc", text + "\n"), 0, text)
        self.assertEqual(self.count("dht/a.cc", "snprintf(text, 5, x);\n"), 0)

    def test_tests_that_cannot_fail(self):
        for text in ["EXPECT(true);", "REQUIRE( 1 );", "std::this_thread::sleep_for(1s);", "usleep(3);", "* doctest::skip()"]:
            self.assertEqual(self.count("tests/unit/a.cc", text + "\n"), 1, text)
        self.assertEqual(self.count("tests/unit/a.cc", "co_await sleep_for(env, 1);\nEXPECT(truth);\n"), 0)

    def test_empty_files(self):
        self.assertEqual(len(Project({"a.txt": "", "b.txt": "x\n"}).found(leftovers)), 1)


class Readmes(unittest.TestCase):
    def found(self, text):
        exists = lambda path: path in ("scripts/test", "base/README.md", "LICENSE")
        return list(readmes.check_text("README.md", text, exists, {"bench", "wal inspect", "help"}))

    def test_what_is_named_is_there(self):
        sound = "`scripts/test quick` [base](base/README.md#x) [l](LICENSE) [w](https://x.org)\n```\nvortex wal inspect DIR\nvortex bench\n```\n"
        self.assertEqual(self.found(sound), [])

    def test_what_is_not_there_is_found(self):
        self.assertEqual(len(self.found("```\nscripts/fly\n```\n")), 1)
        self.assertEqual(len(self.found("[x](nowhere.md)\n")), 1)
        self.assertEqual(len(self.found("```\nvortex fly\n```\n")), 1)
        self.assertEqual(len(self.found("```\n$ build/release/bin/vortex wal fly\n```\n")), 1)

    def test_folders_without_a_readme_are_found(self):
        project = Project({"README.md": "x\n", "base/a.h": "int x;\n", "net/README.md": "x\n"})
        self.assertEqual(project.found(readmes), ["base/README.md is missing"])


if __name__ == "__main__":
    unittest.main()
