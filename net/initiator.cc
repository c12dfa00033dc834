// The connecting side of Hello.
#include <algorithm>

#include "net/hello_io.h"
#include "net/secure_handshaker.h"

namespace vortex::net {

namespace {

class Initiator {
 public:
  Initiator(Random& random, const LocalEnd& local, Credentials& credentials, Presented presented, HelloStream over,
            std::optional<NodeId> expected)
      : local_(local),
        credentials_(credentials),
        presented_(std::move(presented)),
        over_(over),
        expected_(expected),
        io_(over.stream),
        transcript_(over.binding) {
    random.fill(hello_.nonce);
  }

  Task<Result<PeerInfo>> run(Purpose purpose);

 private:
  bool plain() const { return !over_.binding; }
  Status prepare(Purpose purpose);
  ByteVector make_proof();
  Status check(const Answer& answer) const;
  Result<PeerInfo> conclude(const Answer& answer, const Welcome& welcome) const;

  const LocalEnd& local_;
  Credentials& credentials_;
  Presented presented_;
  HelloStream over_;
  std::optional<NodeId> expected_;
  HelloIo io_;
  Transcript transcript_;
  Hello hello_;
  std::vector<ClusterKey> keys_;  // with which this end proves its role, newest first
};

Status Initiator::prepare(Purpose purpose) {
  bool member = presented_.proves == Proves::cluster_secret;
  bool known = member || presented_.proves == Proves::identity;
  hello_.version_min = local_.version_min;
  hello_.version_max = local_.version_max;
  hello_.cluster = known ? credentials_.cluster() : presented_.cluster;
  hello_.proves = presented_.proves;
  hello_.purpose = purpose;
  hello_.credential = presented_.credential;
  if (local_.identity) hello_.public_key = local_.identity->public_key();
  hello_.boot_epoch = local_.boot_epoch;
  hello_.address = local_.advertised;
  if (member) {
    keys_ = credentials_.cluster_keys();
    if (keys_.size() > kClusterKeysMax) keys_.resize(kClusterKeysMax);
    if (keys_.empty()) return Error(Code::unauthenticated, "this node holds no cluster secret yet");
  } else {
    keys_.emplace_back();
    if (presented_.proves != Proves::identity) keys_.back().secret = presented_.secret;
  }
  if (needs_identity(presented_.proves) && !local_.identity)
    return Error(Code::invalid_argument, "a node needs an identity to connect as a member or joiner");
  return Status();
}

ByteVector Initiator::make_proof() {
  Proof proof;
  for (const ClusterKey& key : keys_) {
    KeyedProof& keyed = proof.keyed.emplace_back();
    keyed.epoch = key.epoch;
    keyed.mac = transcript_.mac(Transcript::Side::initiator, key.secret.view());
  }
  if (plain() && local_.identity) proof.signature = transcript_.sign(Transcript::Side::initiator, *local_.identity);
  ByteVector message = make_hello(proof);
  transcript_.add(message);
  return message;
}

Status Initiator::check(const Answer& answer) const {
  if (!common_version(hello_.version_min, hello_.version_max, answer.version_min, answer.version_max))
    return Error(Code::unsupported_version, "the other side speaks no version of the protocol that this one speaks");
  if (!hello_.cluster.is_zero() && answer.cluster != hello_.cluster)
    return Error(Code::wrong_cluster, "the other side belongs to cluster " + answer.cluster.short_hex() + ", not " +
                                          hello_.cluster.short_hex());
  NodeId id = node_id_of(answer.public_key);
  if (over_.binding && over_.tls_peer != id)
    return Error(Code::unauthenticated, "the other side claims an id that TLS has not proven");
  if (expected_ && *expected_ != id)
    return Error(Code::unauthenticated, "the peer is " + id.short_hex() + ", expected " + expected_->short_hex());
  Standing standing = credentials_.standing(id);
  if (standing == Standing::evicted) return Error(Code::permission_denied, "the other side was evicted");
  // No secret speaks for it, so it must be somebody this node knows.
  if (presented_.proves == Proves::identity && standing != Standing::member)
    return Error(Code::unauthenticated, "the other side is not a member that this node knows");
  return Status();
}

// Is the other side what it claims to be? Only now is anything believed of what it said.
Result<PeerInfo> Initiator::conclude(const Answer& answer, const Welcome& welcome) const {
  NodeId id = node_id_of(answer.public_key);
  auto key = std::find_if(keys_.begin(), keys_.end(),
                          [&welcome](const ClusterKey& mine) { return mine.epoch == welcome.keyed.epoch; });
  bool proven = key != keys_.end();
  if (proven) {
    Mac mac = transcript_.mac(Transcript::Side::acceptor, key->secret.view());
    proven = equal_constant_time(mac.bytes, welcome.keyed.mac.bytes);
  }
  if (!proven) return Error(Code::unauthenticated, "the other side could not prove that it belongs to the cluster");
  // Somebody who was evicted knows the secret before this one; members that are known may be late.
  if (key != keys_.begin() && credentials_.standing(id) != Standing::member)
    return Error(Code::unauthenticated, "the other side proved only a cluster secret that was replaced");
  if (welcome.signature.has_value() != plain()) return Error(Code::bad_message, "handshake: impossible fields");
  if (plain() && !transcript_.verify(Transcript::Side::acceptor, answer.public_key, *welcome.signature))
    return Error(Code::unauthenticated, "the other side could not prove its id");
  PeerInfo peer;
  peer.id = id;
  peer.role = Role::member;
  peer.version =
      common_version(hello_.version_min, hello_.version_max, answer.version_min, answer.version_max).value_or(0);
  peer.cluster = answer.cluster;
  peer.advertised = answer.address;
  peer.boot_epoch = answer.boot_epoch;
  peer.purpose = hello_.purpose;
  peer.cluster_key_epoch = key->epoch;
  return peer;
}

Task<Result<PeerInfo>> Initiator::run(Purpose purpose) {
  CO_RETURN_IF_ERROR(prepare(purpose));
  ByteVector first = make_hello(hello_);
  transcript_.add(first);
  if (!plain()) {
    // TLS has made this connection unique, so the proof need not wait for the other side's nonce.
    ByteVector proof = make_proof();
    first.insert(first.end(), proof.begin(), proof.end());
  }
  CO_RETURN_IF_ERROR(co_await io_.write(std::move(first)));
  CO_ASSIGN_OR_RETURN(ByteVector answer_message, co_await io_.read(HelloKind::answer));
  CO_ASSIGN_OR_RETURN(Answer answer, parse_hello<Answer>(hello_body(answer_message)));
  CO_RETURN_IF_ERROR(check(answer));
  transcript_.add(answer_message);
  if (plain()) {
    ByteVector proof = make_proof();
    CO_RETURN_IF_ERROR(co_await io_.write(std::move(proof)));
  }
  CO_ASSIGN_OR_RETURN(ByteVector welcome_message, co_await io_.read(HelloKind::welcome));
  CO_ASSIGN_OR_RETURN(Welcome welcome, parse_hello<Welcome>(hello_body(welcome_message)));
  co_return conclude(answer, welcome);
}

}  // namespace

Task<Result<PeerInfo>> initiate_hello(Random& random, const LocalEnd& local, Credentials& credentials,
                                      Presented presented, HelloStream over, std::optional<NodeId> expected,
                                      Purpose purpose) {
  Initiator initiator(random, local, credentials, std::move(presented), over, expected);
  co_return co_await initiator.run(purpose);
}

}  // namespace vortex::net
