#include "base/result.h"

#include <memory>
#include <string>

#include "tests/unit/test.h"

using namespace vortex;

namespace {
Result<int> half(int number) {
  if (number % 2 != 0) return Error(Code::invalid_argument, std::to_string(number) + " is odd");
  return number / 2;
}
Status even(int number) {
  RETURN_IF_ERROR([&]() -> Status {
    if (number % 2 != 0) return Code::failed;
    return Status();
  }());
  return Status();
}
Result<int> quarter(int number) {
  ASSIGN_OR_RETURN(int once, half(number));
  ASSIGN_OR_RETURN(int twice, half(once));
  return twice;
}
}  // namespace

TEST_CASE("a result is a value or an error, and errors leave early") {
  EXPECT_EQ(*quarter(12), 3);
  EXPECT(quarter(6).is(Code::invalid_argument));
  EXPECT_EQ(quarter(6).error().to_string(), "invalid_argument: 3 is odd");
  EXPECT(even(4).ok());
  EXPECT(even(3).is(Code::failed));
  EXPECT(!even(4).is(Code::failed));
  Result<std::unique_ptr<int>> moved = std::make_unique<int>(7);
  std::unique_ptr<int> out = std::move(moved).value();
  EXPECT_EQ(*out, 7);
}

TEST_CASE("an error says what went wrong, where, and when to come back") {
  Error plain(Code::busy);
  EXPECT_EQ(plain.message(), "busy, try again");
  EXPECT_EQ(plain.to_string(), "busy");
  EXPECT_EQ(plain.retry_after_ms(), 0);
  Error hinted = Error(Code::busy).with_retry_after(250);
  EXPECT_EQ(hinted.retry_after_ms(), 250);
  Error placed = Error(Code::not_found, "/a").in("open");
  EXPECT_EQ(placed.to_string(), "not_found: open: /a");
}

TEST_CASE("every code has its row, and numbers from newer peers read as internal") {
  EXPECT_EQ(static_cast<int>(Code::internal), 1);
  EXPECT_EQ(static_cast<int>(Code::failed), 35);
  for (std::uint16_t number = 1; number <= 35; ++number) {
    EXPECT(code_from_number(number) == static_cast<Code>(number));
    EXPECT(code_info(static_cast<Code>(number)).code == static_cast<Code>(number));
    EXPECT(code_info(static_cast<Code>(number)).exit_status >= 1);
    EXPECT(code_info(static_cast<Code>(number)).exit_status <= 10);
  }
  EXPECT(code_from_number(0) == Code::internal);
  EXPECT(code_from_number(36) == Code::internal);
  EXPECT(code_from_number(65535) == Code::internal);
  EXPECT_EQ(code_info(Code::no_space).exit_status, 10);
}
