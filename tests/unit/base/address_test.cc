#include <string>

#include "base/network.h"
#include "tests/unit/test.h"

using namespace vortex;

TEST_CASE("addresses are read and written as people write them") {
  for (const char* text :
       {"10.0.0.7:7400", "[::1]:7400", "node-3:1", "localhost:65535", "[fe80::1%eth0]:0", "a_b.c:9"}) {
    auto address = Address::parse(text);
    CAPTURE(text);
    REQUIRE(address.ok());
    EXPECT_EQ(address->to_string(), text);
  }
  EXPECT_EQ(Address::parse("[::1]:7400")->host, "::1");
}

TEST_CASE("what is no address is refused with the reason") {
  struct Case {
    const char* text;
    const char* reason;
  };
  const Case cases[] = {{"", "port is missing"},      {"host", "port is missing"},  {":80", "host is missing"},
                        {"host:", "port is missing"}, {"host:70000", "0 to 65535"}, {"host:-1", "0 to 65535"},
                        {"host:8x", "0 to 65535"},    {"::1:80", "brackets"},       {"[::1]", "port is missing"},
                        {"[::1", "not closed"},       {"[::1]80", ":PORT"},         {"[host]:80", "IPv6"},
                        {"ho st:80", "no host has"},  {"ho\nst:80", "no host has"}};
  for (const Case& it : cases) {
    auto address = Address::parse(it.text);
    CAPTURE(it.text);
    REQUIRE(address.is(Code::invalid_argument));
    EXPECT(address.error().message().find(it.reason) != std::string_view::npos);
  }
  EXPECT(!Address::parse(std::string(300, 'a') + ":1").ok());
}
