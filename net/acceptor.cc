// The accepting side of Hello.
#include <algorithm>

#include "net/hello_io.h"
#include "net/secure_handshaker.h"

namespace vortex::net {

namespace {
constexpr std::uint32_t kLookupRetryMs = 500;

// The key with which the initiator has proven its role; the acceptor proves itself with the same one.
struct Admitted {
  ClusterKey key;
  std::shared_ptr<const AccessRights> rights;
};

class Acceptor {
 public:
  Acceptor(Random& random, const LocalEnd& local, Credentials& credentials, HelloStream over)
      : random_(random),
        local_(local),
        credentials_(credentials),
        over_(over),
        io_(over.stream, over.first),
        transcript_(over.binding) {}

  Task<Result<PeerInfo>> run();
  Task<void> refuse(const Error& error);

 private:
  bool plain() const { return !over_.binding; }
  bool has_identity() const { return hello_.public_key != PublicKey(); }
  ByteVector make_answer();
  Status check_hello() const;
  Status check_identity(const Proof& proof) const;
  Task<Result<Admitted>> check_proof(Proof proof);
  Result<Admitted> check_cluster_secret(const Proof& proof) const;
  Task<Result<Admitted>> check_access_key(Proof proof);
  Task<Result<Admitted>> check_join_token(Proof proof);
  bool proves(const Proof& proof, const Secret& secret) const;
  ByteVector make_welcome(const Admitted& admission);
  PeerInfo peer_info(const Admitted& admission) const;

  Random& random_;
  const LocalEnd& local_;
  Credentials& credentials_;
  HelloStream over_;
  HelloIo io_;
  Transcript transcript_;
  Hello hello_;
  NodeId peer_id_;  // zero: none
};

Status Acceptor::check_hello() const {
  ClusterId cluster = credentials_.cluster();
  if (!local_.identity || cluster.is_zero()) return Error(Code::busy, "this node has not joined a cluster yet");
  if (plain() && local_.transport == Transport::tls)
    return Error(Code::unauthenticated, "this cluster speaks TLS only");
  if (plain() && needs_encryption(hello_.proves)) return Error(Code::unauthenticated, "joining needs TLS");
  if (!common_version(hello_.version_min, hello_.version_max, local_.version_min, local_.version_max))
    return Error(Code::unsupported_version, "this node speaks versions " + std::to_string(local_.version_min) + " to " +
                                                std::to_string(local_.version_max) + " of the protocol");
  bool any_cluster = hello_.proves == Proves::access_key && hello_.cluster.is_zero();
  if (!any_cluster && hello_.cluster != cluster) return Error(Code::wrong_cluster, "this node is of another cluster");
  if (needs_identity(hello_.proves) && !has_identity()) return Error(Code::unauthenticated, "an identity is needed");
  if (has_identity() && !plain() && over_.tls_peer != peer_id_)
    return Error(Code::unauthenticated, "the id claimed is not the one that TLS has proven");
  if (peer_id_ == local_.identity->id()) return Error(Code::invalid_argument, "a node has connected to itself");
  return Status();
}

// Is the other side the id it claims to be, and may that id come in at all?
Status Acceptor::check_identity(const Proof& proof) const {
  if (proof.signature.has_value() != (plain() && has_identity()))
    return Error(Code::bad_message, "handshake: impossible fields");
  if (!has_identity()) return Status();
  if (plain() && !transcript_.verify(Transcript::Side::initiator, hello_.public_key, *proof.signature))
    return Error(Code::unauthenticated, "the id claimed was not proven");
  if (credentials_.standing(peer_id_) == Standing::evicted)
    return Error(Code::permission_denied, "this node was evicted from the cluster");
  return Status();
}

bool Acceptor::proves(const Proof& proof, const Secret& secret) const {
  Mac mac = transcript_.mac(Transcript::Side::initiator, secret.view());
  return equal_constant_time(mac.bytes, proof.keyed.front().mac.bytes);
}

Result<Admitted> Acceptor::check_cluster_secret(const Proof& proof) const {
  bool member = credentials_.standing(peer_id_) == Standing::member;
  std::vector<ClusterKey> keys = credentials_.cluster_keys();
  for (const ClusterKey& key : keys) {
    auto given = std::find_if(proof.keyed.begin(), proof.keyed.end(),
                              [&key](const KeyedProof& one) { return one.epoch == key.epoch; });
    if (given == proof.keyed.end()) continue;
    Mac mac = transcript_.mac(Transcript::Side::initiator, key.secret.view());
    bool good = equal_constant_time(mac.bytes, given->mac.bytes);
    // A secret that was replaced is known to whoever was evicted; it opens the door only to ids known as members.
    bool replaced = key.epoch != keys.front().epoch;
    if (!good || (replaced && !member)) return Error(Code::unauthenticated, "wrong cluster secret");
    return Admitted{key, nullptr};
  }
  if (member) return Error(Code::stale, "the cluster secret has been replaced");
  return Error(Code::unauthenticated, "wrong cluster secret");
}

// Nobody learns from the answer, or from how long it takes to compute, whether a name exists: an unknown one is checked
// against a key that nobody has.
Task<Result<Admitted>> Acceptor::check_access_key(Proof proof) {
  auto found = co_await credentials_.find_access_key(hello_.credential);
  bool unknown = found.is(Code::not_found);
  if (!found.ok() && found.is(Code::cancelled)) co_return Code::cancelled;
  if (!found.ok() && !unknown)
    co_return Error(Code::busy, "access keys cannot be looked up now").with_retry_after(kLookupRetryMs);
  Admitted admission;
  admission.key.secret = unknown ? Secret::random(random_) : found->secret;
  bool good = proves(proof, admission.key.secret);
  if (unknown || !good) co_return Error(Code::unauthenticated, "wrong access key");
  if (found->expired) co_return Error(Code::expired, "the access key has expired");
  admission.rights = found->rights;
  co_return admission;
}

Task<Result<Admitted>> Acceptor::check_join_token(Proof proof) {
  auto found = co_await credentials_.find_join_token(hello_.credential);
  bool unknown = found.is(Code::not_found);
  if (!found.ok() && found.is(Code::cancelled)) co_return Code::cancelled;
  if (!found.ok() && !unknown)
    co_return Error(Code::busy, "join tokens cannot be looked up now").with_retry_after(kLookupRetryMs);
  Admitted admission;
  admission.key.secret = unknown ? Secret::random(random_) : *found;
  bool good = proves(proof, admission.key.secret);
  if (unknown || !good) co_return Error(Code::unauthenticated, "wrong join token");
  Status redeemed = co_await credentials_.redeem_join_token(hello_.credential, peer_id_);
  if (redeemed.is(Code::expired)) co_return Error(Code::expired, "the join token has expired or was used up");
  if (redeemed.is(Code::cancelled)) co_return Code::cancelled;
  if (!redeemed.ok())
    co_return Error(Code::busy, "join tokens cannot be redeemed now").with_retry_after(kLookupRetryMs);
  co_return admission;
}

Task<Result<Admitted>> Acceptor::check_proof(Proof proof) {
  CO_RETURN_IF_ERROR(check_identity(proof));
  bool one_of_many = hello_.proves == Proves::cluster_secret;
  if (!one_of_many && (proof.keyed.size() != 1 || proof.keyed.front().epoch != 0))
    co_return Error(Code::bad_message, "handshake: impossible fields");
  switch (hello_.proves) {
    case Proves::cluster_secret:
      co_return check_cluster_secret(proof);
    case Proves::access_key:
      co_return co_await check_access_key(std::move(proof));
    case Proves::join_token:
      co_return co_await check_join_token(std::move(proof));
    case Proves::identity:
      break;
  }
  // TLS has proven the id; the proof is over a key that everybody knows and says only that both heard the same.
  if (credentials_.standing(peer_id_) != Standing::member || !proves(proof, Secret()))
    co_return Error(Code::unauthenticated, "not a member of this cluster");
  co_return Admitted();
}

ByteVector Acceptor::make_answer() {
  Answer answer;
  answer.version_min = local_.version_min;
  answer.version_max = local_.version_max;
  answer.cluster = credentials_.cluster();
  answer.public_key = local_.identity->public_key();
  answer.boot_epoch = local_.boot_epoch;
  answer.address = local_.advertised;
  random_.fill(answer.nonce);
  ByteVector message = make_hello(answer);
  transcript_.add(message);
  return message;
}

ByteVector Acceptor::make_welcome(const Admitted& admission) {
  Welcome welcome;
  welcome.keyed.epoch = admission.key.epoch;
  welcome.keyed.mac = transcript_.mac(Transcript::Side::acceptor, admission.key.secret.view());
  if (plain()) welcome.signature = transcript_.sign(Transcript::Side::acceptor, *local_.identity);
  return make_hello(welcome);
}

PeerInfo Acceptor::peer_info(const Admitted& admission) const {
  PeerInfo peer;
  peer.id = peer_id_;
  peer.role = role_of(hello_.proves);
  peer.version =
      common_version(hello_.version_min, hello_.version_max, local_.version_min, local_.version_max).value_or(0);
  peer.cluster = credentials_.cluster();
  peer.credential = hello_.credential;
  peer.advertised = hello_.address;
  peer.boot_epoch = hello_.boot_epoch;
  peer.purpose = hello_.purpose;
  peer.cluster_key_epoch = admission.key.epoch;
  peer.rights = admission.rights;
  return peer;
}

Task<Result<PeerInfo>> Acceptor::run() {
  CO_ASSIGN_OR_RETURN(ByteVector hello_message, co_await io_.read(HelloKind::hello));
  CO_ASSIGN_OR_RETURN(hello_, parse_hello<Hello>(hello_body(hello_message)));
  transcript_.add(hello_message);
  if (has_identity()) peer_id_ = node_id_of(hello_.public_key);

  // Over TLS the proof is here already and is taken before anything is refused: what is left unread when a connection
  // is closed can destroy the refusal on its way.
  ByteVector proof_message;
  if (!plain()) {
    CO_ASSIGN_OR_RETURN(proof_message, co_await io_.read(HelloKind::proof));
  }
  CO_RETURN_IF_ERROR(check_hello());
  ByteVector out;
  if (plain()) {
    CO_RETURN_IF_ERROR(co_await io_.write(make_answer()));
    CO_ASSIGN_OR_RETURN(proof_message, co_await io_.read(HelloKind::proof));
  }
  CO_ASSIGN_OR_RETURN(Proof proof, parse_hello<Proof>(hello_body(proof_message)));
  CO_ASSIGN_OR_RETURN(Admitted admission, co_await check_proof(std::move(proof)));
  transcript_.add(proof_message);
  if (!plain()) out = make_answer();
  ByteVector welcome = make_welcome(admission);
  out.insert(out.end(), welcome.begin(), welcome.end());
  CO_RETURN_IF_ERROR(co_await io_.write(std::move(out)));
  co_return peer_info(admission);
}

// Whoever is gone, or does not even speak the protocol, is told nothing.
Task<void> Acceptor::refuse(const Error& error) {
  for (Code silent : {Code::cancelled, Code::closed, Code::timed_out, Code::io_error, Code::unreachable})
    if (error.is(silent)) co_return;
  ByteVector message = make_hello(make_refusal(error));
  Status told = co_await io_.write(std::move(message));
}

}  // namespace

Task<Result<PeerInfo>> accept_hello(Random& random, const LocalEnd& local, Credentials& credentials, HelloStream over) {
  Acceptor acceptor(random, local, credentials, over);
  auto peer = co_await acceptor.run();
  if (!peer.ok()) co_await acceptor.refuse(peer.error());
  co_return std::move(peer);
}

}  // namespace vortex::net
