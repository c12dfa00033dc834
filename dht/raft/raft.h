// One replica of one Raft group, as a pure state machine: no clock, no disk, no network. Whoever hosts it brings
// messages, time and the news that something is durable, and carries out what take_ready() says.
//
// It differs from the textbook where the design does: heartbeats and leases are between nodes (heartbeats.h),
// replicas have generations, votes are asked for in advance (pre-vote), and groups change through joint consensus.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "dht/raft/configuration.h"
#include "dht/raft/heartbeats.h"
#include "dht/raft/log.h"
#include "dht/raft/progress.h"
#include "dht/raft/ready.h"
#include "dht/raft/types.h"

namespace vortex::dht::raft {

// Clocks of two machines may run at rates that differ by this factor, so a leader trusts a promise for so much less
// than the promiser keeps it.
inline constexpr double kClockRateRatio = 1.25;

struct Options {
  GroupId group = 0;
  std::uint32_t group_epoch = 0;
  Replica self;
  std::uint64_t boot_epoch = 0;
  // A follower that has heard nothing for this long, and a random part of the spread, asks for votes.
  Duration election_timeout = seconds(1);
  Duration election_spread = seconds(1);
  // How long an acknowledged heartbeat binds the one who acknowledged; below election_timeout.
  Duration lease = milliseconds(900);
  // Heartbeats only say that a leader's node is alive. A follower that got no append for this long asks whether it
  // still leads, since the word that it stepped down may have been lost.
  Duration leader_check = seconds(3);
  // A restarted node may have promised something it no longer knows: until then it votes for nobody.
  Instant votes_from{};
  std::size_t append_bytes_max = 256 * 1024;
  std::size_t in_flight_max = 64;
  // Entries that are not committed yet; beyond that propose() says busy.
  std::size_t uncommitted_bytes_max = 16 * 1024 * 1024;
};

// What was on disk.
struct Restored {
  HardState hard_state;
  Log log;
  Configuration configuration;  // as of the log's base
  Index commit = 0;             // at least the log's base
};

enum class Role : std::uint8_t { follower, pre_candidate, candidate, leader };

class Raft {
 public:
  Raft(Options options, Restored restored, const Heartbeats& heartbeats, Random& random, Instant now);

  // --- what happens to it ---
  void tick(Instant now);
  // When tick() must be called again at the latest, if nothing else happens until then.
  Instant next_tick(Instant now) const;
  void step(const Message& message, Instant now);
  // Tickets become durable in their order.
  void durable(std::uint64_t ticket);
  // Another replica was seen in a later term (a node says so in its heartbeats' answers).
  void seen_term(Term term, Instant now);
  // The connection to this node broke: should it lead here, its silence is believed sooner.
  void doubt_leader(const NodeId& node);
  // A node says that it has moved on to this term, until it is told that we have too.
  void hear_moved_on(const NodeId& node, Term term, Instant now);

  // --- what is asked of it ---
  // The index at which the command will be, if it is committed in this term. not_leader, busy.
  Result<Index> propose(ByteVector command);
  // Begins to change the group into `target`, by way of a joint configuration. not_leader, busy (a change is under
  // way, or this term has committed nothing yet), invalid_argument.
  Result<Index> propose_configuration(const Configuration& target);
  // Hands leadership to a voter. No lease is trusted again in this term, whatever becomes of it: where the other does
  // not take over, the leader stands for the next term.
  Status transfer_to(const Replica& target, Instant now);
  // Gives leadership up without a successor.
  void step_down(Instant now);
  // May a read that began at `since` be answered from the state up to commit()?
  bool may_read(Instant since, Instant now) const;
  bool has_lease(Instant now) const;

  // --- what it asks for ---
  Ready take_ready();
  bool has_ready() const;
  // Entries up to commit() may be applied; the host says how far it came.
  void applied(Index index);
  // The host holds the state up to `index` durably elsewhere.
  void compact_to(Index index);
  // The host has made `term` durable (by seen_term), then installed, durably, a snapshot that reaches further than
  // commit(), sent by the leader of `term`. What its disk still holds of an older log is void unless log() keeps it.
  void restored_snapshot(Index index, Term snapshot_term, const Configuration& configuration, const Replica& leader,
                         Term term, Instant now);
  void snapshot_sent(const Replica& to, Index index);
  void snapshot_failed(const Replica& to);

  // --- what it knows ---
  Role role() const { return role_; }
  bool is_leader() const { return role_ == Role::leader; }
  std::optional<Replica> leader() const { return leader_; }
  Term term() const { return hard_.term; }
  const HardState& hard_state() const { return hard_; }
  // Our term, if we have acknowledged appends of this node's in an older one and do not know that it has moved on too:
  // every acknowledgement of its heartbeats must say so.
  std::optional<Term> moved_on_from(const NodeId& node) const;
  Index commit() const { return commit_; }
  Index applied_index() const { return applied_; }
  const Log& log() const { return log_; }
  const Options& options() const { return options_; }
  const Configuration& configuration() const { return configurations_.back().second; }
  Index configuration_index() const { return configurations_.back().first; }
  // It leads, and everything that was decided before its term is known to be.
  bool decides() const { return role_ == Role::leader && committed_in_term(); }
  // The one that is decided: the latest whose entry is committed.
  const Configuration& committed_configuration() const;
  // As leader: how far a member's log has come; nothing for strangers.
  std::optional<Index> match_of(const Replica& replica) const;
  bool transferring() const { return transfer_target_.has_value(); }

 private:
  // election.cc
  void become_follower(Term term, std::optional<Replica> leader, Instant now);
  void become_leader(Instant now);
  void campaign(bool pre, bool released, Instant now);
  void count_votes(Instant now);
  void on_vote_request(const Message& message, Instant now);
  void on_vote_reply(const Message& message, Instant now);
  bool may_vote(const Replica& candidate, bool released, Instant now) const;
  bool log_is_as_good(const Message& message) const;
  bool hears_leader(Instant now) const;
  Instant last_contact() const;
  void ask_leader(const Replica& leader, Instant now);
  void on_stepped_down(const Message& message, Instant now);
  void say_stepped_down(const Replica& to);
  void note_moved_on(const Message& message);
  void on_still_leading(const Message& message);
  Duration random_share(Duration of);
  void restart_election_timer(Instant now);
  void stand_soon(Instant now);
  void check_quorum(Instant now);

  // replication.cc
  void on_append(const Message& message, Instant now);
  static bool well_formed(const Message& message);
  bool accept_entries(const Message& message);
  void on_append_reply(const Message& message, Instant now);
  void send_appends();
  void send_append(const Replica& to, Progress& progress, bool even_empty);
  void retry_appends(Instant now);
  bool wants_word(const Replica& member, const Progress& progress) const;
  void advance_commit();
  void append_own(EntryKind kind, ByteVector data);
  void append_entry(Entry entry);
  void truncate_from(Index index);

  // membership.cc
  void adopt_configuration(Index index, Configuration configuration);
  void drop_configurations_from(Index index);
  bool may_stand() const;
  void continue_change();
  void continue_transfer();
  void give_up_transfer(Instant now);
  void name_successor();
  Instant majority_acknowledged(Instant now) const;

  Message message_to(const Replica& to, MessageKind kind) const;
  bool committed_in_term() const { return term_start_ != 0 && commit_ >= term_start_; }

  const Options options_;
  const Heartbeats& heartbeats_;
  Random& random_;

  HardState hard_;
  Log log_;
  // By the index that wrote it, oldest first; the first is as of the log's base (or older), the last is in force.
  std::deque<std::pair<Index, Configuration>> configurations_;
  Index commit_ = 0;   // ≤ log_.last_index(); never goes back
  Index applied_ = 0;  // ≤ commit_
  Index durable_ = 0;  // our log is on disk up to here
  // The term that is on disk. A leader sends nothing before its own is: one that has only its own vote would else
  // forget that it has led, and lead twice in one term with different entries.
  Term durable_term_ = 0;

  Role role_ = Role::follower;
  std::optional<Replica> leader_;
  std::uint64_t leader_boot_epoch_ = 0;
  Instant leader_contact_{};  // the last append or snapshot of the leader
  // Whose appends we acknowledged last, and in which term: the promise to its node binds us though leader_ may be
  // forgotten, until it says that it leads no longer.
  std::optional<Replica> last_leader_;
  Term last_leader_term_ = 0;
  std::uint64_t last_leader_boot_epoch_ = 0;
  struct Followed {
    Term term = 0;
    std::uint64_t boot_epoch = 0;
  };
  // Whose appends we acknowledged, in which term at last; until it is known to have moved on.
  std::map<NodeId, Followed> followed_;
  Instant leader_asked_{};
  Instant election_deadline_{};
  Duration election_wait_{};  // this round's share of randomness
  std::map<Replica, bool> votes_;
  bool campaign_released_ = false;
  unsigned rounds_ = 0;  // of elections without a result, since somebody led

  // As leader.
  std::map<Replica, Progress> progress_;  // every other member
  std::size_t uncommitted_ = 0;           // what the entries behind commit_ take
  Index term_start_ = 0;                  // the index of this term's first entry; 0 when not leading
  Instant leader_since_{};
  std::optional<Replica> transfer_target_;
  Instant transfer_deadline_{};
  bool transfer_begun_ = false;  // in this term
  bool timeout_now_sent_ = false;

  // Towards the next take_ready().
  std::uint64_t next_ticket_ = 1;
  struct Pending {
    std::uint64_t ticket;
    Index last;  // our log is durable up to here when the ticket is
    Term term;   // and this term
  };
  std::deque<Pending> pending_;
  bool hard_changed_ = false;
  Index truncate_from_ = 0;
  Index unsaved_ = 0;  // entries from here on were not given out to be saved; last_index() + 1 when all were
  std::vector<Message> send_now_;
  std::vector<Message> send_when_durable_;
  std::vector<Replica> snapshots_wanted_;
};

}  // namespace vortex::dht::raft
