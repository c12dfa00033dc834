#include "chunker/policy.h"

#include "tests/unit/chunker/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::chunker;

TEST_CASE("a policy travels and says in words what it is") {
  SeededRandom random(1);
  for (int round = 0; round < 200; ++round) {
    Policy policy = any_policy(random);
    auto back = decode<Policy>(encode(policy));
    REQUIRE(back.ok());
    EXPECT(*back == policy);
  }
  EXPECT_EQ(to_string(Policy()), "cut=fixed chunk=4MiB compression=lz4 sealing=none code=none");
  EXPECT_EQ(to_hex(encode(Policy())),
            "00000040000000400000004000"
            "0100"
            "0000");
}

TEST_CASE("settings are taken as people type them") {
  Policy policy;
  auto set = [&policy](std::string_view name, std::string_view value) {
    auto changed = with_setting(policy, name, value);
    REQUIRE(changed.ok());
    policy = *changed;
  };
  set("cut", "content");
  EXPECT(policy.cut == CutPolicy::content(4 * kMiB));
  set("chunk", "64KiB");
  EXPECT(policy.cut == CutPolicy::content(64 * kKiB));
  set("cut", "fixed");
  EXPECT(policy.cut == CutPolicy::fixed(64 * kKiB));
  set("chunk", "100000");
  set("compression", "lz4-high");
  set("sealing", "aes-256-gcm");
  set("code", "10+4");
  EXPECT_EQ(to_string(policy), "cut=fixed chunk=100000 compression=lz4-high sealing=aes-256-gcm code=10+4");
  set("code", "none");
  EXPECT(!policy.code.coded());
}

TEST_CASE("a size that was set stays when the kind of cut is set behind it") {
  for (auto [size, average] : {std::pair("4MiB", 4 * kMiB), std::pair("64KiB", 64 * kKiB), std::pair("8MiB", 4 * kMiB),
                               std::pair("100000", 64 * kKiB)}) {
    CAPTURE(size);
    auto policy = with_setting(*with_setting(Policy(), "chunk", size), "cut", "content");
    REQUIRE(policy.ok());
    EXPECT(policy->cut == CutPolicy::content(static_cast<std::uint32_t>(average)));
  }
}

TEST_CASE("the bounds of a content-defined cut are settings, shown when they are not the usual ones") {
  Policy policy = *with_setting(*with_setting(Policy(), "cut", "content"), "chunk", "1MiB");
  EXPECT_EQ(to_string(policy), "cut=content chunk=1MiB compression=lz4 sealing=none code=none");
  policy = *with_setting(*with_setting(policy, "chunk-min", "64KiB"), "chunk-max", "2MiB");
  EXPECT_EQ(policy.cut.minimum, 64 * kKiB);
  EXPECT_EQ(policy.cut.maximum, 2 * kMiB);
  const std::string text =
      "cut=content chunk=1MiB chunk-min=64KiB chunk-max=2MiB compression=lz4 sealing=none code=none";
  EXPECT_EQ(to_string(policy), text);
  // The words make the same policy again.
  Policy again;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size()), equals = text.find('=', at);
    again = *with_setting(again, text.substr(at, equals - at), text.substr(equals + 1, end - equals - 1));
    at = end + 1;
  }
  EXPECT(again == policy);
  EXPECT(with_setting(policy, "chunk", "512KiB")->cut == CutPolicy::content(512 * kKiB));
  for (auto [name, value] : {std::pair("chunk-min", "1MiB"), std::pair("chunk-min", "1B"), std::pair("chunk-min", "x"),
                             std::pair("chunk-max", "1MiB"), std::pair("chunk-max", "9MiB")}) {
    CAPTURE(name);
    CAPTURE(value);
    auto changed = with_setting(policy, name, value);
    REQUIRE(changed.is(Code::bad_config));
    EXPECT_EQ(changed.error().message().substr(0, std::string_view(name).size()), name);
    EXPECT(with_setting(Policy(), name, "1MiB").is(Code::bad_config));
  }
}

TEST_CASE("a wrong setting is refused by its name and with what would be right") {
  for (auto [name, value] :
       {std::pair("cut", "round"), std::pair("chunk", "1B"), std::pair("chunk", "9MiB"), std::pair("chunk", "4TiB"),
        std::pair("chunk", "-1"), std::pair("chunk", ""), std::pair("compression", "zip"), std::pair("sealing", "wax"),
        std::pair("code", "4"), std::pair("code", "0+2"), std::pair("code", "4+0"), std::pair("code", "33+1"),
        std::pair("code", "4+17"), std::pair("code", "4+2x"), std::pair("code", "300+2"), std::pair("colour", "red")}) {
    CAPTURE(name);
    CAPTURE(value);
    auto changed = with_setting(Policy(), name, value);
    REQUIRE(changed.is(Code::bad_config));
    EXPECT_EQ(changed.error().message().substr(0, std::string_view(name).size()), name);
  }
  Policy content;
  content.cut = CutPolicy::content(64 * kKiB);
  EXPECT(with_setting(content, "chunk", "100000").is(Code::bad_config));
}

TEST_CASE("policies that came from elsewhere are validated") {
  Policy policy;
  EXPECT(validate(policy).ok());
  policy.cut = CutPolicy{Cutting::content, 4096, 8192, 16384};
  EXPECT(validate(policy).ok());
  policy.cut.minimum = 8000;
  EXPECT(validate(policy).is(Code::bad_config));
  policy.cut = CutPolicy{Cutting::content, 4096, 8192, 12000};
  EXPECT(validate(policy).is(Code::bad_config));
  policy.cut = CutPolicy{Cutting::content, 64, 8192, 16384};
  EXPECT(validate(policy).is(Code::bad_config));
  policy.cut = CutPolicy{Cutting::fixed, 0, 0, 0};
  EXPECT(validate(policy).is(Code::bad_config));
}
