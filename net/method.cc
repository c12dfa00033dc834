#include "net/method.h"

#include <array>

#include "net/message_table.h"

namespace vortex::net {

namespace {

constexpr std::array kTable = {
#define X(num, Name, ...) Name::kInfo,
    VORTEX_MESSAGES(X)
#undef X
};

constexpr std::array<std::uint16_t, 1
#define X(num) +1
                     VORTEX_RETIRED_MESSAGES(X)
#undef X
                     >
    kRetired = {0,
#define X(num) num,
                VORTEX_RETIRED_MESSAGES(X)
#undef X
};

constexpr bool numbers_ascend_and_are_never_reused() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (i > 0 && kTable[i].number <= kTable[i - 1].number) return false;
    for (std::uint16_t retired : kRetired)
      if (kTable[i].number == retired) return false;
  }
  return true;
}
static_assert(numbers_ascend_and_are_never_reused());

constexpr bool limits_fit() {
  for (const MethodInfo& method : kTable)
    if (method.body_max > kFrameBodyMax || method.request_payload_max > kPayloadMax ||
        method.response_payload_max > kPayloadMax)
      return false;
  return true;
}
static_assert(limits_fit());

constexpr std::size_t kNumberMax = 1023;
static_assert(kTable.back().number <= kNumberMax);

constexpr auto index_by_number() {
  std::array<std::uint16_t, kNumberMax + 1> index{};  // row + 1; 0 for none
  for (std::size_t i = 0; i < kTable.size(); ++i) index[kTable[i].number] = static_cast<std::uint16_t>(i + 1);
  return index;
}
constexpr auto kIndex = index_by_number();

}  // namespace

const char* to_string(Role role) {
  switch (role) {
    case Role::stranger:
      return "stranger";
    case Role::joiner:
      return "joiner";
    case Role::client:
      return "client";
    case Role::member:
      return "member";
  }
  return "?";
}

const MethodInfo* find_method(std::uint16_t number) {
  if (number > kNumberMax || kIndex[number] == 0) return nullptr;
  return &kTable[kIndex[number] - 1];
}

std::span<const MethodInfo> all_methods() { return kTable; }

}  // namespace vortex::net
