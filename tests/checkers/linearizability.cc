#include "tests/checkers/linearizability.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <unordered_set>

#include "base/hash.h"

namespace vortex::dht {

namespace {

using Writer = std::uint32_t;  // the operation that wrote what is there, from 1; 0: nothing is there
constexpr Writer kUnknownWriter = ~Writer(0);

// Keys by number; and of every version that somebody saw, who wrote it.
class Facts {
 public:
  explicit Facts(const History& history) : history_(history) {
    for (const HistoryOperation& operation : history.operations()) {
      for (const HistoryRead& read : operation.reads) add_key(read.key);
      for (const Condition& condition : operation.batch.conditions)
        if (condition.must != Must::range_empty) add_key(condition.key);
      for (const Write& write : operation.batch.writes) add_key(write.key);
      if (operation.commit.found) add_key(operation.commit.found->key);
    }
    for (const HistoryOperation& operation : history.operations()) note(operation);
  }

  const std::map<Key, std::size_t>& keys() const { return keys_; }
  std::size_t number(const Key& key) const { return keys_.at(key); }
  // All keys that are known in [from, end) of the place.
  std::vector<std::size_t> range(const Condition& condition) const {
    std::vector<std::size_t> found;
    for (auto at = keys_.lower_bound(condition.key); at != keys_.end(); ++at) {
      if (at->first.place != condition.key.place) break;
      if (!condition.end.empty() && at->first.name >= condition.end) break;
      found.push_back(at->second);
    }
    return found;
  }
  Writer writer(std::size_t key, Version version) const {
    if (version == 0) return 0;
    auto at = writers_.find({key, version});
    return at == writers_.end() ? kUnknownWriter : at->second;
  }
  // 0 where nobody was told.
  Version version(std::size_t key, Writer writer) const {
    auto at = versions_.find({key, writer});
    return at == versions_.end() ? 0 : at->second;
  }
  const std::string& contradiction() const { return contradiction_; }

 private:
  void add_key(const Key& key) { keys_.try_emplace(key, keys_.size()); }
  void note(const HistoryOperation& operation) {
    for (const HistoryRead& read : operation.reads)
      if (read.seen) note_seen(*read.seen, operation);
    if (operation.commit.found) note_seen(*operation.commit.found, operation);
    if (operation.end != HistoryOperation::End::done) return;
    for (std::size_t i = 0; i < operation.batch.writes.size(); ++i)
      if (operation.batch.writes[i].value)
        note_version(number(operation.batch.writes[i].key), operation.commit.versions.at(i),
                     static_cast<Writer>(operation.number), operation);
  }
  void note_seen(const Record& record, const HistoryOperation& operation) {
    const std::uint64_t writer = writer_of(record.value);
    const HistoryOperation* by =
        writer >= 1 && writer <= history_.size() ? &history_.operations()[writer - 1] : nullptr;
    const bool wrote =
        by && std::any_of(by->batch.writes.begin(), by->batch.writes.end(), [&record](const Write& write) {
          return write.key == record.key && write.value == record.value;
        });
    if (!wrote) {
      contradiction_ = "a value that nobody wrote: " + operation.text();
      return;
    }
    note_version(number(record.key), record.version, static_cast<Writer>(writer), operation);
  }
  void note_version(std::size_t key, Version version, Writer writer, const HistoryOperation& operation) {
    auto [by, new_version] = writers_.try_emplace({key, version}, writer);
    auto [as, new_writer] = versions_.try_emplace({key, writer}, version);
    if (version == 0 || by->second != writer || as->second != version)
      contradiction_ = "one write with two versions, or one version for two writes: " + operation.text();
  }

  const History& history_;
  std::map<Key, std::size_t> keys_;
  std::map<std::pair<std::size_t, Version>, Writer> writers_;
  std::map<std::pair<std::size_t, Writer>, Version> versions_;
  std::string contradiction_;
};

// An operation in terms of numbered keys.
struct Step {
  struct Expect {
    std::size_t key = 0;
    Writer writer = 0;
    bool any = false;  // whatever is there, if only something is
  };
  const HistoryOperation* operation = nullptr;
  std::vector<Expect> expects;
  // At least one of them does not hold: what a refusal says.
  std::vector<Expect> refutes;
  std::vector<std::pair<std::size_t, Writer>> writes;
  bool optional = false;
  bool unobserved = false;  // optional, and nobody saw a value that it wrote
};

Step step_of(const HistoryOperation& operation, const Facts& facts) {
  Step step;
  step.operation = &operation;
  step.optional = operation.open();
  auto seen = [&facts](const std::optional<Record>& record, const Key& key) {
    Step::Expect expect;
    expect.key = facts.number(key);
    expect.writer = record ? static_cast<Writer>(writer_of(record->value)) : 0;
    return expect;
  };
  for (const HistoryRead& read : operation.reads) step.expects.push_back(seen(read.seen, read.key));
  auto conditions_of = [&facts](const Condition& condition) {
    std::vector<Step::Expect> expects;
    Step::Expect expect;
    if (condition.must == Must::range_empty) {
      for (std::size_t key : facts.range(condition)) {
        expect.key = key;
        expects.push_back(expect);
      }
      return expects;
    }
    expect.key = facts.number(condition.key);
    expect.any = condition.must == Must::exist;
    expect.writer = facts.writer(expect.key, condition.version);
    expects.push_back(expect);
    return expects;
  };
  if (operation.end == HistoryOperation::End::refused) {
    const Condition& failed = operation.batch.conditions.at(operation.commit.failed);
    step.refutes = conditions_of(failed);
    const auto& found = operation.commit.found;
    if (failed.must != Must::range_empty) {
      step.expects.push_back(seen(found, failed.key));
    } else if (found) {
      step.expects.push_back(seen(found, found->key));
    }
    return step;
  }
  for (const Condition& condition : operation.batch.conditions)
    for (const Step::Expect& expect : conditions_of(condition)) step.expects.push_back(expect);
  for (const Write& write : operation.batch.writes)
    step.writes.emplace_back(facts.number(write.key), write.value ? static_cast<Writer>(operation.number) : 0);
  return step;
}

// One group of keys and the operations on them.
class Search {
 public:
  Search(const Facts& facts, std::vector<Step> steps, std::size_t keys, std::uint64_t steps_max)
      : facts_(facts), steps_(std::move(steps)), state_(keys), taken_(steps_.size()), steps_max_(steps_max) {
    auto sooner = [](const Step& a, const Step& b) { return a.operation->called < b.operation->called; };
    std::sort(steps_.begin(), steps_.end(), sooner);
    for (const Step& step : steps_) left_ += step.optional ? 0 : 1;
    for (std::size_t i = 0; i < steps_.size(); ++i) marks_.push_back(mix(i + 1));
    asked_for_.resize(keys);
    for (Step& step : steps_) {
      for (const Step::Expect& expect : step.expects) asked_for_[expect.key] = asked_for_[expect.key] || expect.any;
      const auto number = static_cast<Writer>(step.operation->number);
      step.unobserved = step.optional && std::all_of(step.writes.begin(), step.writes.end(), [&](const auto& write) {
                          return facts_.version(write.first, number) == 0;
                        });
    }
  }

  // Depth first, without recursion: a history may be long.
  LinearizabilityResult::Verdict run() {
    std::vector<Frame> frames;
    frames.push_back(frame());
    while (left_ > 0) {
      Frame& top = frames.back();
      if (top.next == top.candidates.size()) {
        if (frames.size() == 1) return LinearizabilityResult::Verdict::violated;
        frames.pop_back();
        undo(frames.back());
        continue;
      }
      if (++tried_ > steps_max_) return LinearizabilityResult::Verdict::undecided;
      const std::size_t at = top.candidates[top.next++];
      if (!take(top, at)) continue;
      frames.push_back(frame());
      if (depth_ > deepest_) {
        deepest_ = depth_;
        stuck_.clear();
        for (std::size_t candidate : frames.back().candidates) stuck_.push_back(candidate);
      }
    }
    return LinearizabilityResult::Verdict::holds;
  }

  std::uint64_t tried() const { return tried_; }
  std::string stuck() const {
    std::string text = "no order of " + std::to_string(steps_.size()) +
                       " operations explains what was seen; none of these can come after the first " +
                       std::to_string(deepest_) + ":";
    for (std::size_t at : stuck_)
      if (!steps_[at].optional || stuck_.size() < 10) text += "\n  " + steps_[at].operation->text();
    return text;
  }

 private:
  struct Frame {
    std::vector<std::size_t> candidates;
    std::size_t next = 0;
    std::size_t taken = 0;
    std::vector<std::pair<std::size_t, Writer>> before;  // what the step taken replaced
  };

  static std::uint64_t mix(std::uint64_t value) {
    return xxh3(ByteView(reinterpret_cast<const std::uint8_t*>(&value), 8));
  }

  // Whatever was called before the first of those left returned may be next. Those that surely happened come first.
  Frame frame() {
    while (first_ < steps_.size() && taken_[first_]) ++first_;
    Duration bound = HistoryOperation::kNever;
    for (std::size_t i = first_; i < steps_.size() && steps_[i].operation->called <= bound; ++i)
      if (!taken_[i]) bound = std::min(bound, steps_[i].operation->returned);
    Frame frame;
    for (bool optional : {false, true})
      for (std::size_t i = first_; i < steps_.size() && steps_[i].operation->called <= bound; ++i)
        if (!taken_[i] && steps_[i].optional == optional) frame.candidates.push_back(i);
    return frame;
  }

  bool holds(const Step::Expect& expect) const {
    return expect.any ? state_[expect.key] != 0 : state_[expect.key] == expect.writer;
  }

  // Otherwise every order in which it happened is one without it, too.
  bool matters(const Step& step) const {
    return std::any_of(step.writes.begin(), step.writes.end(), [this](const auto& write) {
      return write.second == 0 ? state_[write.first] != 0 : state_[write.first] == 0 && asked_for_[write.first];
    });
  }

  bool take(Frame& frame, std::size_t at) {
    const Step& step = steps_[at];
    if (step.unobserved && !matters(step)) return false;
    for (const Step::Expect& expect : step.expects)
      if (!holds(expect)) return false;
    if (!step.refutes.empty() &&
        std::all_of(step.refutes.begin(), step.refutes.end(), [this](const Step::Expect& e) { return holds(e); }))
      return false;
    for (auto [key, writer] : step.writes)
      if (!grows(key, writer, step)) return false;
    frame.before.clear();
    for (auto [key, writer] : step.writes) {
      frame.before.emplace_back(key, state_[key]);
      set(key, writer);
    }
    frame.taken = at;
    taken_[at] = true;
    hash_ ^= marks_[at];
    ++depth_;
    left_ -= step.optional ? 0 : 1;
    if (seen_.insert(hash_ ^ state_hash_ * 31).second) return true;
    undo(frame);
    return false;
  }

  // A record's versions only grow, as far as they are known.
  bool grows(std::size_t key, Writer writer, const Step& step) const {
    const Version old = facts_.version(key, state_[key]);
    if (writer == 0 || state_[key] == 0 || old == 0) return true;
    const Version made = facts_.version(key, static_cast<Writer>(step.operation->number));
    return made == 0 || made > old;
  }

  void undo(Frame& frame) {
    const Step& step = steps_[frame.taken];
    for (auto at = frame.before.rbegin(); at != frame.before.rend(); ++at) set(at->first, at->second);
    taken_[frame.taken] = false;
    hash_ ^= marks_[frame.taken];
    --depth_;
    left_ += step.optional ? 0 : 1;
    first_ = std::min(first_, frame.taken);
  }

  void set(std::size_t key, Writer writer) {
    state_hash_ -= mix(key << 32 | state_[key]);
    state_[key] = writer;
    state_hash_ += mix(key << 32 | writer);
  }

  const Facts& facts_;
  std::vector<Step> steps_;
  std::vector<Writer> state_;
  std::vector<bool> taken_;
  std::vector<std::uint64_t> marks_;
  std::vector<bool> asked_for_;  // keys of which somebody asked only whether they were there
  std::unordered_set<std::uint64_t> seen_;
  std::uint64_t hash_ = 0, state_hash_ = 0;
  std::size_t first_ = 0, left_ = 0, depth_ = 0, deepest_ = 0;
  std::uint64_t tried_ = 0;
  const std::uint64_t steps_max_;
  std::vector<std::size_t> stuck_;
};

// Steps by groups of keys that they tie together.
std::map<std::size_t, std::vector<Step>> grouped(std::vector<Step> steps, std::size_t keys) {
  std::vector<std::size_t> group(keys);
  std::iota(group.begin(), group.end(), 0);
  std::function<std::size_t(std::size_t)> top = [&](std::size_t key) {
    return group[key] == key ? key : group[key] = top(group[key]);
  };
  auto first_key = [](const Step& step) -> std::optional<std::size_t> {
    if (!step.expects.empty()) return step.expects[0].key;
    if (!step.writes.empty()) return step.writes[0].first;
    return std::nullopt;
  };
  for (const Step& step : steps) {
    auto first = first_key(step);
    if (!first) continue;
    for (const Step::Expect& expect : step.expects) group[top(expect.key)] = top(*first);
    for (const Step::Expect& expect : step.refutes) group[top(expect.key)] = top(*first);
    for (const auto& [key, writer] : step.writes) group[top(key)] = top(*first);
  }
  std::map<std::size_t, std::vector<Step>> groups;
  for (Step& step : steps)
    if (auto first = first_key(step)) groups[top(*first)].push_back(std::move(step));
  return groups;
}

}  // namespace

LinearizabilityResult check_linearizability(const History& history, std::uint64_t steps_max) {
  LinearizabilityResult result;
  const Facts facts(history);
  if (!facts.contradiction().empty()) {
    result.verdict = LinearizabilityResult::Verdict::violated;
    result.text = facts.contradiction();
    return result;
  }
  std::vector<Step> steps;
  for (const HistoryOperation& operation : history.operations()) {
    if (operation.end == HistoryOperation::End::nothing || (operation.open() && operation.is_read())) continue;
    steps.push_back(step_of(operation, facts));
  }
  for (auto& [group, members] : grouped(std::move(steps), facts.keys().size())) {
    ++result.groups;
    Search search(facts, std::move(members), facts.keys().size(), steps_max);
    const auto verdict = search.run();
    result.steps += search.tried();
    if (verdict == LinearizabilityResult::Verdict::holds) continue;
    result.verdict = verdict;
    result.text = search.stuck();
    if (verdict == LinearizabilityResult::Verdict::violated) return result;
  }
  return result;
}

}  // namespace vortex::dht
