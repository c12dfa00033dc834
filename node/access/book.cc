#include "node/access/book.h"

#include <algorithm>

#include "base/deadline.h"
#include "base/hash.h"

namespace vortex::node {

namespace {

constexpr std::uint8_t kFormat = 1;
// Rivals for one token are few; each round one of them succeeds.
constexpr int kRedeemTries = 100;

struct KeyRecord {
  std::uint8_t format = kFormat;
  net::Secret secret;
  std::string label;
  std::vector<AccessRule> rules;
  std::int64_t created_ns = 0;
  VORTEX_FIELDS(format, secret, label, rules, created_ns)
};

struct TokenRecord {
  std::uint8_t format = kFormat;
  net::Secret secret;
  std::int64_t created_ns = 0, expires_ns = 0;
  std::uint32_t uses_left = 0;
  std::vector<NodeId> redeemed_by;
  VORTEX_FIELDS(format, secret, created_ns, expires_ns, uses_left, redeemed_by)
};

dht::Key key_named(std::string_view place, const std::string& id) {
  dht::Key key;
  key.place = sha256(as_bytes(place));
  key.name = to_vector(as_bytes(id));
  return key;
}
dht::Key access_key_key(const std::string& id) { return key_named("vortex access keys", id); }
dht::Key join_token_key(const std::string& id) { return key_named("vortex join tokens", id); }

template <class T>
Result<T> read_record(const dht::Record& record) {
  auto value = decode<T>(record.value);
  if (!value.ok() || value->format != kFormat)
    return Error(Code::damaged, "a record of an access key or join token cannot be read");
  return value;
}

JoinTokenInfo info_of(const std::string& id, const TokenRecord& record) {
  JoinTokenInfo info;
  info.id = id;
  info.created_ns = record.created_ns;
  info.expires_ns = record.expires_ns;
  info.uses_left = record.uses_left;
  info.redeemed_by = record.redeemed_by;
  return info;
}

Status check_rules(const std::vector<AccessRule>& rules, const std::string& label) {
  if (rules.empty()) return Error(Code::invalid_argument, "a key without a rule permits nothing");
  if (rules.size() > kAccessRulesMax)
    return Error(Code::invalid_argument, "a key has at most " + std::to_string(kAccessRulesMax) + " rules");
  if (label.size() > kLabelMax)
    return Error(Code::invalid_argument, "a label has at most " + std::to_string(kLabelMax) + " bytes");
  return Status();
}

Status check_terms(const TokenTerms& terms) {
  if (terms.uses < 1 || terms.uses > kTokenUsesMax)
    return Error(Code::invalid_argument, "a token has 1 to " + std::to_string(kTokenUsesMax) + " uses");
  if (terms.life <= Duration(0) || terms.life > kTokenLifeMax)
    return Error(Code::invalid_argument, "a token lives for a year at most, and not for no time");
  return Status();
}

}  // namespace

bool AccessBook::keeps(const Id& place) {
  return place == access_key_key("").place || place == join_token_key("").place;
}

std::int64_t AccessBook::wall_now() const { return env_.clock().wall_now().time_since_epoch().count(); }

Task<Result<std::vector<dht::Record>>> AccessBook::all(Id place, Duration timeout) {
  std::vector<dht::Record> records;
  ByteVector from;
  Instant deadline = env_.now() + timeout;
  do {
    CO_ASSIGN_OR_RETURN(dht::Page page,
                        co_await records_.scan(place, from, ByteVector(), dht::ScanLimits(), deadline - env_.now()));
    std::ranges::move(page.records, std::back_inserter(records));
    from = std::move(page.next);
  } while (!from.empty());
  co_return records;
}

Task<Status> AccessBook::add(dht::Key key, ByteVector value, Duration timeout) {
  dht::Batch batch;
  dht::Condition fresh;
  fresh.key = key;
  batch.conditions.push_back(std::move(fresh));
  dht::Write write;
  write.key = std::move(key);
  write.value = std::move(value);
  batch.writes.push_back(std::move(write));
  CO_ASSIGN_OR_RETURN(dht::Commit commit, co_await records_.commit(std::move(batch), timeout));
  if (!commit.done) co_return Code::exists;
  co_return Status();
}

Task<Status> AccessBook::revoke(dht::Key key, Duration timeout) {
  dht::Batch batch;
  dht::Condition there;
  there.key = key;
  there.must = dht::Must::exist;
  batch.conditions.push_back(std::move(there));
  dht::Write write;
  write.key = std::move(key);
  batch.writes.push_back(std::move(write));
  CO_ASSIGN_OR_RETURN(dht::Commit commit, co_await records_.commit(std::move(batch), timeout));
  if (!commit.done) co_return Code::not_found;
  co_return Status();
}

Task<Result<net::Secret>> AccessBook::create_key(std::vector<AccessRule> rules, std::string label, Duration timeout) {
  CO_RETURN_IF_ERROR(check_rules(rules, label));
  KeyRecord record;
  record.secret = net::Secret::random(env_.random());
  record.label = std::move(label);
  record.rules = std::move(rules);
  record.created_ns = wall_now();
  CO_RETURN_IF_ERROR(co_await add(access_key_key(AccessKeyText::id_of(record.secret)), encode(record), timeout));
  co_return record.secret;
}

Task<Result<std::vector<AccessKeyInfo>>> AccessBook::keys(Duration timeout) {
  CO_ASSIGN_OR_RETURN(std::vector<dht::Record> records, co_await all(access_key_key("").place, timeout));
  std::vector<AccessKeyInfo> keys;
  for (const dht::Record& each : records) {
    CO_ASSIGN_OR_RETURN(KeyRecord record, read_record<KeyRecord>(each));
    AccessKeyInfo& info = keys.emplace_back();
    info.id = as_text(each.key.name);
    info.label = std::move(record.label);
    info.rules = std::move(record.rules);
    info.created_ns = record.created_ns;
  }
  co_return keys;
}

Task<Status> AccessBook::revoke_key(std::string id, Duration timeout) {
  co_return co_await revoke(access_key_key(id), timeout);
}

Task<Result<net::AccessKey>> AccessBook::find_key(std::string id, Duration timeout) {
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> found, co_await records_.get(access_key_key(id), timeout));
  if (!found) co_return Code::not_found;
  CO_ASSIGN_OR_RETURN(KeyRecord record, read_record<KeyRecord>(*found));
  net::AccessKey key;
  key.secret = record.secret;
  key.rights = std::make_shared<const Rights>(std::move(record.rules));
  co_return key;
}

Task<Result<JoinTokenInfo>> AccessBook::add_token(net::Secret secret, TokenTerms terms, Duration timeout) {
  CO_RETURN_IF_ERROR(check_terms(terms));
  TokenRecord record;
  record.secret = secret;
  record.created_ns = wall_now();
  record.expires_ns = record.created_ns + terms.life.count();
  record.uses_left = terms.uses;
  std::string id = net::JoinToken::id_of(secret);
  CO_RETURN_IF_ERROR(co_await add(join_token_key(id), encode(record), timeout));
  co_return info_of(id, record);
}

Task<Result<std::vector<JoinTokenInfo>>> AccessBook::tokens(Duration timeout) {
  CO_ASSIGN_OR_RETURN(std::vector<dht::Record> records, co_await all(join_token_key("").place, timeout));
  std::vector<JoinTokenInfo> tokens;
  for (const dht::Record& each : records) {
    CO_ASSIGN_OR_RETURN(TokenRecord record, read_record<TokenRecord>(each));
    tokens.push_back(info_of(std::string(as_text(each.key.name)), record));
  }
  co_return tokens;
}

Task<Status> AccessBook::revoke_token(std::string id, Duration timeout) {
  co_return co_await revoke(join_token_key(id), timeout);
}

Task<Result<net::Secret>> AccessBook::find_token(std::string id, Duration timeout) {
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> found, co_await records_.get(join_token_key(id), timeout));
  if (!found) co_return Code::not_found;
  CO_ASSIGN_OR_RETURN(TokenRecord record, read_record<TokenRecord>(*found));
  co_return record.secret;
}

Task<Status> AccessBook::redeem(std::string id, NodeId joiner, Duration timeout) {
  Instant deadline = env_.now() + timeout;
  dht::Key key = join_token_key(id);
  for (int i = 0; i < kRedeemTries && env_.now() < deadline; ++i) {
    CO_ASSIGN_OR_RETURN(std::optional<dht::Record> found, co_await records_.get(key, deadline - env_.now()));
    if (!found) co_return Code::expired;
    CO_ASSIGN_OR_RETURN(TokenRecord record, read_record<TokenRecord>(*found));
    // Who has redeemed it may have lost our answer and comes again, also when it is late now.
    if (std::ranges::find(record.redeemed_by, joiner) != record.redeemed_by.end()) co_return Status();
    if (record.uses_left == 0) co_return Error(Code::expired, "the join token has been used");
    if (wall_now() >= record.expires_ns) co_return Error(Code::expired, "the join token has expired");
    --record.uses_left;
    record.redeemed_by.push_back(joiner);
    dht::Batch batch;
    dht::Condition unchanged;
    unchanged.key = key;
    unchanged.version = found->version;
    batch.conditions.push_back(std::move(unchanged));
    dht::Write write;
    write.key = key;
    write.value = encode(record);
    batch.writes.push_back(std::move(write));
    auto commit = co_await records_.commit(std::move(batch), deadline - env_.now());
    // Where the outcome is unknown, the next look tells it.
    if (commit.ok() && commit->done) co_return Status();
    if (!commit.ok() && !commit.is(Code::outcome_unknown)) co_return std::move(commit).error();
  }
  co_return Error(Code::busy, "too many come with this join token at once");
}

}  // namespace vortex::node
