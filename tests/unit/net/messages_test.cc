// The bytes of every message of the table, with every field filled. A line that changes breaks talking to nodes of
// other versions; a new message adds its lines, which the failing test prints.
#include <sstream>

#include "net/message_table.h"
#include "tests/unit/net/golden_messages.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;

namespace {

// Gives every field a value of its own, so that fields that change places are seen.
class Filler {
 public:
  template <class... Fields>
  void operator()(Fields&... fields) {
    (fill(fields), ...);
  }

 private:
  template <class T>
  void fill(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      value = true;
    } else if constexpr (std::is_integral_v<T>) {
      value = T();
      for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(T(next()) << (8 * i)));
    } else if constexpr (std::is_enum_v<T>) {
      value = max_enum_value(T());
    } else {
      value.visit_fields(*this);
    }
  }
  void fill(std::string& text) { text = "text" + std::to_string(next()); }
  void fill(ByteVector& bytes) { bytes = {next(), next(), next()}; }
  void fill(Id& id) { fill(id.bytes); }
  template <std::size_t N>
  void fill(std::array<std::uint8_t, N>& bytes) {
    for (std::uint8_t& byte : bytes) byte = next();
  }
  template <class T>
  void fill(std::vector<T>& list) {
    list.resize(2);
    for (T& item : list) fill(item);
  }
  template <class T>
  void fill(std::optional<T>& value) {
    fill(value.emplace());
  }
  template <class A, class B>
  void fill(std::pair<A, B>& value) {
    fill(value.first);
    fill(value.second);
  }
  std::uint8_t next() { return static_cast<std::uint8_t>(++last_ % 120 + 1); }
  unsigned last_ = 0;
};

template <class Message>
ByteVector filled() {
  Message message{};
  Filler filler;
  message.visit_fields(filler);
  return encode(message);
}

template <class Method>
std::string lines_of() {
  const MethodInfo& info = Method::kInfo;
  std::ostringstream out;
  out << info.number << ' ' << info.name << '\n';
  out << "  request [" << to_hex(filled<typename Method::Request>()) << "]\n";
  out << "  response [" << to_hex(filled<typename Method::Response>()) << "]\n";
  return out.str();
}

template <class Message>
void expect_round_trip() {
  ByteVector bytes = filled<Message>();
  auto message = decode<Message>(bytes);
  REQUIRE(message.ok());
  EXPECT_EQ(to_hex(encode(*message)), to_hex(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT(!decode<Message>(ByteView(bytes).first(size)).ok());
  bytes.push_back(0);
  EXPECT(!decode<Message>(bytes).ok());
}

}  // namespace

TEST_CASE("the bytes of every message are what they were when it was added") {
  std::string golden = kGoldenMessages;
#define X(num, Name, ...)                             \
  {                                                   \
    std::string lines = lines_of<Name>();             \
    INFO("expected in golden_messages.h:\n", lines);  \
    EXPECT_NE(golden.find(lines), std::string::npos); \
  }
  VORTEX_MESSAGES(X)
#undef X
}

TEST_CASE("every message comes back from its bytes, and neither cut short nor with more behind it") {
#define X(num, Name, ...)             \
  expect_round_trip<Name::Request>(); \
  expect_round_trip<Name::Response>();
  VORTEX_MESSAGES(X)
#undef X
}

TEST_CASE("methods are found by their numbers, and numbers that are not in the table are not") {
  std::size_t found = 0;
  for (std::uint32_t number = 0; number <= 0xffff; ++number) {
    const MethodInfo* info = find_method(static_cast<std::uint16_t>(number));
    if (!info) continue;
    ++found;
    EXPECT_EQ(info->number, number);
  }
  EXPECT_EQ(found, all_methods().size());
}
