#include "dht/joining/local_book.h"

#include <algorithm>

#include "base/hash.h"
#include "base/limits.h"
#include "net/join_token.h"

namespace vortex::dht {

namespace {
constexpr std::uint32_t kBookMagic = 0x4b425856;  // "VXBK"
constexpr std::uint16_t kBookFormat = 1;
constexpr std::size_t kBookBytesMax = 64 * kMiB;
constexpr Duration kTokenLifetimeMax = std::chrono::hours(24 * 365);
// What has expired is remembered for a while, so that it can be called by its name.
constexpr Duration kRememberExpired = std::chrono::hours(24 * 7);
}  // namespace

LocalBook::LocalBook(Env& env, std::string directory)
    : env_(env), directory_(std::move(directory)), written_event_(env.loop()) {}

std::int64_t LocalBook::wall_ns() const { return env_.clock().wall_now().time_since_epoch().count(); }

Task<Status> LocalBook::load() {
  auto file = co_await read_file(env_.disk(), directory_ + "/book", kBookBytesMax);
  if (file.is(Code::not_found)) co_return Status();
  if (!file.ok()) co_return std::move(file).error();
  ByteView bytes = *file;
  if (bytes.size() < 14 ||
      xxh3(bytes.first(bytes.size() - 8)) != load_le<std::uint64_t>(bytes.data() + bytes.size() - 8))
    co_return Error(Code::damaged, "book: its checksum does not fit");
  Decoder decoder(bytes.first(bytes.size() - 8));
  std::uint32_t magic = 0;
  std::uint16_t format = 0;
  std::vector<Token> tokens;
  decoder(magic, format);
  if (magic != kBookMagic) co_return Error(Code::damaged, "book: another kind of file");
  if (format != kBookFormat) co_return Error(Code::unsupported_version, "book: format " + std::to_string(format));
  decoder.get(tokens);
  net::wipe(*file);
  if (!decoder.finished()) co_return Error(Code::damaged, "book: its fields make no sense");
  for (Token& token : tokens) {
    std::string id = token.id;
    tokens_.emplace(std::move(id), std::move(token));
  }
  co_return Status();
}

Task<Status> LocalBook::write() {
  std::uint64_t wanted = ++changes_;
  while (written_ < wanted) {
    if (writing_) {
      bool woken = co_await written_event_.wait();
      if (!woken) co_return Code::cancelled;
      continue;
    }
    writing_ = true;
    std::uint64_t holds = changes_;
    ByteVector file;
    Encoder encoder(file);
    std::vector<Token> tokens;
    for (const auto& [id, token] : tokens_) tokens.push_back(token);
    encoder(kBookMagic, kBookFormat, tokens);
    std::uint64_t sum = xxh3(file);
    encoder.put(sum);
    Status status = co_await replace_file(env_.disk(), directory_ + "/book", std::move(file));
    writing_ = false;
    if (status.ok()) written_ = std::max(written_, holds);
    written_event_.notify_all();
    if (!status.ok()) co_return status;
  }
  co_return Status();
}

void LocalBook::forget_old() {
  std::int64_t before = wall_ns() - kRememberExpired.count();
  std::erase_if(tokens_, [before](const auto& item) { return item.second.expires_ns < before; });
}

TokenView LocalBook::view(const Token& token) const {
  TokenView view;
  view.id = token.id;
  view.expires = WallTime(Duration(token.expires_ns));
  view.uses_left = expired(token) ? 0 : token.uses_left;
  view.redeemed = static_cast<std::uint32_t>(token.redeemed_by.size());
  return view;
}

Task<Result<TokenView>> LocalBook::add_token(net::Secret secret, TokenTerms terms) {
  if (terms.lifetime <= Duration(0) || terms.lifetime > kTokenLifetimeMax)
    co_return Error(Code::invalid_argument, "a token lives for at most a year");
  if (terms.uses == 0 || terms.uses > kTokenUsesMax)
    co_return Error(Code::invalid_argument, "a token has 1 to " + std::to_string(kTokenUsesMax) + " uses");
  forget_old();
  if (tokens_.size() >= kTokensMax) co_return Error(Code::busy, "too many tokens; revoke some");
  std::string id = net::JoinToken::id_of(secret);
  Token& token = tokens_[id];
  token.id = id;
  token.secret = std::move(secret);
  token.expires_ns = wall_ns() + terms.lifetime.count();
  token.uses_left = terms.uses;
  TokenView made = view(token);
  CO_RETURN_IF_ERROR(co_await write());
  co_return made;
}

Task<Result<std::vector<TokenView>>> LocalBook::tokens() {
  std::vector<TokenView> views;
  for (const auto& [id, token] : tokens_) views.push_back(view(token));
  co_return views;
}

Task<Status> LocalBook::revoke_token(std::string id) {
  if (tokens_.erase(id) == 0) co_return Error(Code::not_found, "no such token");
  co_return co_await write();
}

Task<Result<net::Secret>> LocalBook::find_token(std::string id) {
  auto found = tokens_.find(id);
  if (found == tokens_.end()) co_return Code::not_found;
  co_return found->second.secret;
}

Task<Status> LocalBook::redeem_token(std::string id, NodeId joiner) {
  auto found = tokens_.find(id);
  if (found == tokens_.end()) co_return Code::expired;
  Token& token = found->second;
  if (expired(token)) co_return Code::expired;
  bool again = std::find(token.redeemed_by.begin(), token.redeemed_by.end(), joiner) != token.redeemed_by.end();
  if (!again) {
    if (token.uses_left == 0) co_return Code::expired;
    --token.uses_left;
    token.redeemed_by.push_back(joiner);
  }
  co_return co_await write();
}

Task<Result<net::AccessKey>> LocalBook::find_access_key(std::string) { co_return Code::not_found; }

}  // namespace vortex::dht
