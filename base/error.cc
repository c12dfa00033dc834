#include "base/error.h"

#include <array>

namespace vortex {

namespace {
constexpr std::array kTable = {
#define X(name, number, exit_status, retry, text) CodeInfo{Code::name, #name, exit_status, retry, text},
    VORTEX_ERRORS(X)
#undef X
};

// Numbers run from 1 without a gap, so that a code finds its row by index.
constexpr bool numbered_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i)
    if (static_cast<std::size_t>(kTable[i].code) != i + 1) return false;
  return true;
}
static_assert(numbered_in_order());
}  // namespace

Code code_from_number(std::uint16_t number) {
  return number >= 1 && number <= kTable.size() ? static_cast<Code>(number) : Code::internal;
}

const CodeInfo& code_info(Code code) {
  return kTable[static_cast<std::size_t>(code_from_number(static_cast<std::uint16_t>(code))) - 1];
}

std::string_view Error::message() const {
  if (message_.empty()) return code_info(code_).text;
  return message_;
}

std::string Error::to_string() const {
  std::string text = code_info(code_).name;
  if (!message_.empty()) text.append(": ").append(message_);
  return text;
}

Error&& Error::in(std::string_view context) && {
  message_ = std::string(context).append(": ").append(message());
  return std::move(*this);
}

}  // namespace vortex
