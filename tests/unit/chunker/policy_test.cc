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
  EXPECT(policy.cut == CutPolicy::content(1 * kMiB));
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
