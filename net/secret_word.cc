#include "net/secret_word.h"

#include <cctype>

#include "base/hash.h"
#include "net/base32.h"
#include "net/secret.h"

namespace vortex::net {

namespace {

constexpr std::size_t kChecksumSize = 4;
constexpr std::size_t kTextMax = 8192;

ByteVector checksum(std::string_view prefix, ByteView fields) {
  ByteVector summed = to_vector(as_bytes(prefix));
  summed.insert(summed.end(), fields.begin(), fields.end());
  Id sum = sha256(summed);
  wipe(summed);
  return to_vector(ByteView(sum.bytes).first(kChecksumSize));
}

std::string without_spaces(std::string_view text) {
  std::string out;
  for (char c : text)
    if (std::isspace(static_cast<unsigned char>(c)) == 0) out += c;
  return out;
}

}  // namespace

std::string SecretWord::to_text(ByteView fields) const {
  std::string prefix = std::string(name) + version;
  ByteVector bytes = to_vector(fields);
  ByteVector sum = checksum(prefix, fields);
  bytes.insert(bytes.end(), sum.begin(), sum.end());
  std::string text = prefix + to_base32(bytes);
  wipe(bytes);
  return text;
}

Result<ByteVector> SecretWord::parse(std::string_view text) const {
  std::string named(what), begins(name);
  auto bad = [](const std::string& why) { return Error(Code::invalid_argument, why); };
  if (text.size() > kTextMax) return bad("not a " + named + ": it is far too long");
  std::string word = without_spaces(text);
  if (word.empty()) return bad("the " + named + " is empty");
  if (!word.starts_with(begins)) return bad("not a " + named + ": one begins with \"" + begins + "\"");
  std::string prefix = begins + version;
  if (!word.starts_with(prefix)) return bad("the " + named + " is of another version of the program");
  auto bytes = from_base32(std::string_view(word).substr(prefix.size()));
  if (!bytes || bytes->size() < kChecksumSize) return bad("the " + named + " is cut short or mistyped");
  ByteView fields = ByteView(*bytes).first(bytes->size() - kChecksumSize);
  if (!equal(checksum(prefix, fields), ByteView(*bytes).subspan(fields.size())))
    return bad("the " + named + " is cut short or mistyped: its checksum is wrong");
  bytes->resize(fields.size());
  return std::move(*bytes);
}

}  // namespace vortex::net
