// Who is let in, who is not, and what each side then knows.
#include "tests/unit/net/handshake_rig.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;
using namespace vortex::net::test;

namespace {
struct SomeRights final : AccessRights {};

AccessKey make_access_key(std::uint64_t seed) {
  AccessKey key;
  key.secret = make_secret(seed);
  key.rights = std::make_shared<SomeRights>();
  return key;
}
}  // namespace

TEST_CASE("two members learn everything about each other, encrypted or not") {
  for (Transport transport : {Transport::tls, Transport::plain}) {
    Rig rig;
    rig.transport(transport);
    rig.caller.local.advertised.host = "node-b";
    rig.caller.local.advertised.port = 7401;
    rig.expected = rig.node.identity.id();
    Meeting meeting = rig.meet(Purpose::bulk);
    REQUIRE_EQ(say(meeting.caller), "ok");
    REQUIRE_EQ(say(meeting.acceptor), "ok");
    const PeerInfo& node = (*meeting.caller)->peer;
    const PeerInfo& caller = (*meeting.acceptor)->peer;
    EXPECT_EQ(node.id, rig.node.identity.id());
    EXPECT_EQ(node.role, Role::member);
    EXPECT_EQ(node.version, kVersion);
    EXPECT_EQ(node.cluster, make_cluster(1));
    EXPECT_EQ(node.encrypted, transport == Transport::tls);
    EXPECT_EQ(node.boot_epoch, 7);
    EXPECT_EQ(node.advertised.to_string(), "10.0.0.7:7400");
    EXPECT_EQ(node.cluster_key_epoch, 1);
    EXPECT_EQ(caller.id, rig.caller.identity.id());
    EXPECT_EQ(caller.role, Role::member);
    EXPECT_EQ(caller.boot_epoch, 3);
    EXPECT_EQ(caller.advertised.to_string(), "node-b:7401");
    EXPECT_EQ(caller.purpose, Purpose::bulk);
    EXPECT_EQ(caller.encrypted, transport == Transport::tls);
    EXPECT_EQ(caller.credential, "");
  }
}

TEST_CASE("a client comes in with its access key, with and without TLS, knowing the cluster or not") {
  for (Transport transport : {Transport::tls, Transport::plain}) {
    for (bool knows : {true, false}) {
      Rig rig;
      rig.transport(transport);
      AccessKey key = make_access_key(5);
      rig.node.credentials.add_access_key("key-1", key);
      rig.make_client(make_secret(5));
      if (!knows) rig.caller.presented.cluster = ClusterId();
      Meeting meeting = rig.meet(Purpose::control);
      REQUIRE_EQ(say(meeting.caller), "ok");
      REQUIRE_EQ(say(meeting.acceptor), "ok");
      const PeerInfo& client = (*meeting.acceptor)->peer;
      EXPECT_EQ(client.role, Role::client);
      EXPECT_EQ(client.credential, "key-1");
      EXPECT_EQ(client.rights, key.rights);
      EXPECT(client.id.is_zero());
      EXPECT_EQ(client.purpose, Purpose::control);
      EXPECT_EQ((*meeting.caller)->peer.cluster, make_cluster(1));
    }
  }
}

TEST_CASE("a joiner comes in with a token, always encrypted, and the token's uses are counted by id") {
  Rig rig;
  rig.transport(Transport::plain);
  rig.node.credentials.add_join_token("token-1", make_secret(6), 1);
  rig.make_joiner(make_secret(6));
  for (int again = 0; again < 2; ++again) {
    Meeting meeting = rig.meet();
    REQUIRE_EQ(say(meeting.caller), "ok");
    REQUIRE_EQ(say(meeting.acceptor), "ok");
    EXPECT_EQ((*meeting.acceptor)->peer.role, Role::joiner);
    EXPECT_EQ((*meeting.acceptor)->peer.id, rig.caller.identity.id());
    EXPECT_EQ((*meeting.acceptor)->peer.credential, "token-1");
    EXPECT((*meeting.acceptor)->peer.encrypted);
    EXPECT((*meeting.caller)->peer.encrypted);
  }
  rig.caller.local.identity = make_identity(9);
  Meeting other = rig.meet();
  EXPECT_EQ(say(other.acceptor), "expired: the join token has expired or was used up");
  EXPECT_EQ(say(other.caller), "expired: refused: the join token has expired or was used up");
}

namespace {

struct Case {
  const char* name;
  std::function<void(Rig&)> change;
  std::string node, caller;  // what each of them says
};

Case both(const char* name, std::function<void(Rig&)> change, const std::string& code, const std::string& text) {
  return Case{name, std::move(change), code + ": " + text, code + ": refused: " + text};
}

void expect_told(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    for (Transport transport : {Transport::tls, Transport::plain}) {
      Rig rig;
      rig.transport(transport);
      one.change(rig);
      Meeting meeting = rig.meet();
      CAPTURE(one.name);
      EXPECT_EQ(say(meeting.acceptor), one.node);
      EXPECT_EQ(say(meeting.caller), one.caller);
    }
  }
}

}  // namespace

TEST_CASE("members and clients are told why they are refused, as far as they may know") {
  expect_told({
      both(
          "another cluster", [](Rig& rig) { rig.caller.credentials.found(make_cluster(2), make_secret(1)); },
          "wrong_cluster", "this node is of another cluster"),
      both(
          "wrong cluster secret", [](Rig& rig) { rig.caller.credentials.found(make_cluster(1), make_secret(2)); },
          "unauthenticated", "wrong cluster secret"),
      both(
          "unknown access key", [](Rig& rig) { rig.make_client(make_secret(5)); }, "unauthenticated",
          "wrong access key"),
      both(
          "wrong access key",
          [](Rig& rig) {
            rig.node.credentials.add_access_key("key-1", make_access_key(5));
            rig.make_client(make_secret(6));
          },
          "unauthenticated", "wrong access key"),
      both(
          "client of another cluster",
          [](Rig& rig) {
            rig.node.credentials.add_access_key("key-1", make_access_key(5));
            rig.make_client(make_secret(5));
            rig.caller.presented.cluster = make_cluster(2);
          },
          "wrong_cluster", "this node is of another cluster"),
      both(
          "expired access key",
          [](Rig& rig) {
            AccessKey key = make_access_key(5);
            key.expired = true;
            rig.node.credentials.add_access_key("key-1", key);
            rig.make_client(make_secret(5));
          },
          "expired", "the access key has expired"),
      both(
          "expired access key and a wrong secret",
          [](Rig& rig) {
            AccessKey key = make_access_key(5);
            key.expired = true;
            rig.node.credentials.add_access_key("key-1", key);
            rig.make_client(make_secret(6));
          },
          "unauthenticated", "wrong access key"),
  });
}

TEST_CASE("joiners and odd nodes are told why they are refused, as far as they may know") {
  expect_told({
      both(
          "unknown token", [](Rig& rig) { rig.make_joiner(make_secret(6)); }, "unauthenticated", "wrong join token"),
      both(
          "used-up token and a wrong secret",
          [](Rig& rig) {
            rig.node.credentials.add_join_token("token-1", make_secret(6), 0);
            rig.make_joiner(make_secret(7));
          },
          "unauthenticated", "wrong join token"),
      both(
          "used-up token",
          [](Rig& rig) {
            rig.node.credentials.add_join_token("token-1", make_secret(6), 0);
            rig.make_joiner(make_secret(6));
          },
          "expired", "the join token has expired or was used up"),
      both(
          "evicted", [](Rig& rig) { rig.node.credentials.set_standing(rig.caller.identity.id(), Standing::evicted); },
          "permission_denied", "this node was evicted from the cluster"),
      both(
          "too new", [](Rig& rig) { rig.caller.local.version_min = rig.caller.local.version_max = 9; },
          "unsupported_version", "this node speaks versions 1 to 1 of the protocol"),
      both(
          "not a member yet", [](Rig& rig) { rig.node.credentials = MemoryCredentials(); }, "busy",
          "this node has not joined a cluster yet"),
      both(
          "itself", [](Rig& rig) { rig.caller.local.identity = rig.node.identity; }, "invalid_argument",
          "a node has connected to itself"),
  });
}

TEST_CASE("a node that wants TLS says so to whom comes without") {
  Rig rig;
  rig.caller.local.transport = Transport::plain;
  Meeting meeting = rig.meet();
  EXPECT_EQ(say(meeting.acceptor), "unauthenticated: this cluster speaks TLS only");
  EXPECT_EQ(say(meeting.caller), "unauthenticated: refused: this cluster speaks TLS only");
  Rig other;
  other.node.local.transport = Transport::plain;
  Meeting encrypted = other.meet();
  EXPECT_EQ(say(encrypted.acceptor), "ok");
  EXPECT_EQ(say(encrypted.caller), "ok");
}

TEST_CASE("a caller goes on only with whom it meant to call") {
  for (Transport transport : {Transport::tls, Transport::plain}) {
    Rig rig;
    rig.transport(transport);
    rig.expected = make_identity(8).id();
    Meeting meeting = rig.meet();
    EXPECT_EQ(say(meeting.caller), "unauthenticated: the peer is " + rig.node.identity.id().short_hex() +
                                       ", expected " + rig.expected->short_hex());
    EXPECT(!accepted(meeting.acceptor));
  }
}

TEST_CASE("a caller does not talk to a node that it knows as evicted") {
  Rig rig;
  rig.caller.credentials.set_standing(rig.node.identity.id(), Standing::evicted);
  EXPECT_EQ(say(rig.meet().caller), "permission_denied: the other side was evicted");
}

TEST_CASE("while the cluster secret is replaced, members that are late are let in if they are known") {
  for (Transport transport : {Transport::tls, Transport::plain}) {
    for (bool node_is_late : {true, false}) {
      for (bool known : {true, false}) {
        Rig rig;
        rig.transport(transport);
        End& late = node_is_late ? rig.node : rig.caller;
        End& ahead = node_is_late ? rig.caller : rig.node;
        ahead.credentials.replace_secret(make_secret(11));
        if (known) ahead.credentials.set_standing(late.identity.id(), Standing::member);
        Meeting meeting = rig.meet();
        CAPTURE(node_is_late);
        if (known) {
          EXPECT_EQ(say(meeting.caller), "ok");
          EXPECT_EQ(say(meeting.acceptor), "ok");
          auto& seen = node_is_late ? meeting.caller : meeting.acceptor;
          EXPECT_EQ((*seen)->peer.cluster_key_epoch, 1);
        } else {
          auto& refusing = node_is_late ? meeting.caller : meeting.acceptor;
          EXPECT(refusing->is(Code::unauthenticated));
        }
      }
    }
  }
}

TEST_CASE("once the old secret is forgotten, a known member is told to fetch the new one, and can") {
  Rig rig;
  rig.node.credentials.replace_secret(make_secret(11));
  rig.node.credentials.forget_replaced();
  EXPECT_EQ(say(rig.meet().caller), "unauthenticated: refused: wrong cluster secret");
  rig.node.credentials.set_standing(rig.caller.identity.id(), Standing::member);
  EXPECT_EQ(say(rig.meet().caller), "stale: refused: the cluster secret has been replaced");

  rig.transport(Transport::plain);
  rig.caller.presented.proves = Proves::identity;
  // Nothing but its id speaks for the node, so the caller has to know that.
  EXPECT_EQ(say(rig.meet().caller), "unauthenticated: the other side is not a member that this node knows");
  rig.caller.credentials.set_standing(rig.node.identity.id(), Standing::member);
  Meeting meeting = rig.meet();
  REQUIRE_EQ(say(meeting.caller), "ok");
  REQUIRE_EQ(say(meeting.acceptor), "ok");
  EXPECT((*meeting.acceptor)->peer.encrypted);
  EXPECT_EQ((*meeting.acceptor)->peer.role, Role::joiner);
  EXPECT_EQ((*meeting.acceptor)->peer.credential, "");
  EXPECT_EQ((*meeting.acceptor)->peer.id, rig.caller.identity.id());

  rig.node.credentials.set_standing(rig.caller.identity.id(), Standing::unknown);
  EXPECT_EQ(say(rig.meet().acceptor), "unauthenticated: not a member of this cluster");
  rig.node.credentials.set_standing(rig.caller.identity.id(), Standing::evicted);
  EXPECT_EQ(say(rig.meet().acceptor), "permission_denied: this node was evicted from the cluster");
}

TEST_CASE("the highest version that both speak is taken") {
  struct Ranges {
    std::uint16_t node_min, node_max, caller_min, caller_max, chosen;
  };
  for (Ranges r : {Ranges{1, 2, 2, 3, 2}, Ranges{2, 3, 1, 2, 2}, Ranges{3, 4, 3, 4, 4}, Ranges{1, 2, 3, 4, 0}}) {
    Rig rig;
    rig.node.local.version_min = r.node_min;
    rig.node.local.version_max = r.node_max;
    rig.caller.local.version_min = r.caller_min;
    rig.caller.local.version_max = r.caller_max;
    Meeting meeting = rig.meet();
    EXPECT_EQ(accepted(meeting.acceptor), r.chosen != 0);
    if (r.chosen == 0) {
      EXPECT(meeting.caller->is(Code::unsupported_version));
      continue;
    }
    EXPECT_EQ((*meeting.acceptor)->peer.version, r.chosen);
    EXPECT_EQ((*meeting.caller)->peer.version, r.chosen);
  }
}
