//! Tables: commands in pods, files in volumes, names.

use super::files::clean;
use crate::cluster::{Cluster, Error};

fn cluster(objects: &str) -> Cluster {
    let mut cluster = Cluster::builder().seed(1).build();
    cluster.create_yaml(objects).expect("valid objects");
    cluster.settle().expect("it settles");
    cluster
}

/// `stdout!stderr!code`
fn run(cluster: &mut Cluster, pod: &str, script: &str) -> String {
    let output = cluster.exec(&format!("pod/{pod}"), None, &["sh", "-c", script]).expect("the pod runs");
    format!("{}!{}!{}", output.stdout, output.stderr, output.exit_code)
}

const POD: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a.conf: \"x=1\\n\", b: two}
---
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: web, tier: front}}
spec:
  nodeName: node-0
  containers:
  - name: c
    image: app:1
    env: [{name: GREETING, value: hello}, {name: ME, valueFrom: {fieldRef: {fieldPath: metadata.name}}},
      {name: BOTH, value: \"$(GREETING) $(ME) $(NONE) $$(ME)\"}, {name: KEY, valueFrom: {configMapKeyRef: {name: settings, key: b}}},
      {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}]
    resources: {limits: {cpu: 250m}}
    volumeMounts: [{name: data, mountPath: /data}, {name: cfg, mountPath: /cfg}, {name: info, mountPath: /info},
      {name: host, mountPath: /host}]
  volumes:
  - {name: data, emptyDir: {}}
  - {name: cfg, configMap: {name: settings, items: [{key: a.conf, path: etc/a.conf}]}}
  - {name: info, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
  - {name: host, hostPath: {path: /srv}}
";

#[test]
fn the_shell_and_its_commands() {
    let mut cluster = cluster(POD);
    let rows = [
        ("echo hello  world", "hello world\n!!0"),
        ("echo 'a  b' \"c  $GREETING\" $GREETING", "a  b c  hello hello\n!!0"),
        ("echo -n x; echo y", "xy\n!!0"),
        ("X='a b'; echo $X; echo \"$X\"; echo ${NOPE:-none}", "a b\na b\nnone\n!!0"),
        ("false && echo a || echo b; echo $?", "b\n0\n!!0"),
        ("! false; echo $?", "0\n!!0"),
        ("nope --x; echo $?", "127\n!sh: line 1: nope: command not found\n!0"),
        ("nope", "!sh: line 1: nope: command not found\n!127"),
        ("exit 3; echo never", "!!3"),
        ("sh -c 'exit 4'; echo $?", "4\n!!0"),
        ("echo $(echo a; echo b)", "a b\n!!0"),
        ("echo one > /data/f; echo two >> /data/f; cat < /data/f", "one\ntwo\n!!0"),
        ("cat /data/f | wc -l; grep -c o /data/f", "2\n2\n!!0"),
        ("cat /nope", "!cat: /nope: No such file or directory\n!1"),
        ("echo x > /no/dir", "!sh: line 1: /no/dir: No such file or directory\n!1"),
        ("cat /nope > /dev/null 2>&1; echo $?", "1\n!!0"),
        ("cat /nope 2>&1 | head -1", "cat: /nope: No such file or directory\n!!0"),
        ("mkdir -p /data/a/b && cd /data/a && pwd && ls", "/data/a\nb\n!!0"),
        ("rm /data/a", "!rm: cannot remove '/data/a': Is a directory\n!1"),
        ("rm -r /data/a; ls /data", "f\n!!0"),
        ("ls -l /data", "total 4\n-rw-r--r-- 1 root root     8 Jan  1 00:00 f\n!!0"),
        ("rm /data", "!rm: cannot remove '/data': Is a directory\n!1"),
        ("cat /cfg/etc/a.conf", "x=1\n!!0"),
        ("echo x > /cfg/y", "!sh: line 1: /cfg/y: Read-only file system\n!1"),
        ("cat /info/labels", "app=\"web\"\ntier=\"front\"!!0"),
        ("printenv ME BOTH KEY CPU NOPE", "p\nhello p $(NONE) $(ME)\ntwo\n250\n!!1"),
        (
            "env | grep ^KUBERNETES_SERVICE_HOST; env | grep KUBERNETES_SERVICE_HOST=",
            "KUBERNETES_SERVICE_HOST=10.96.0.1\n!!0",
        ),
        ("export A=1; printenv A; B=2 printenv B; printenv B", "1\n2\n!!1"),
        ("hostname; hostname -f; cat /etc/hostname", "p\np\np\n!!0"),
        ("id; whoami", "uid=0(root) gid=0(root) groups=0(root)\nroot\n!!0"),
        ("[ -f /data/f ] && test -d /data && echo yes", "yes\n!!0"),
        ("touch /tmp/x && ls /tmp; date +%Y", "x\n2024\n!!0"),
        (
            "df -h /data",
            "Filesystem      Size  Used Avail Use% Mounted on\n/dev/sda1       100G  4.0K  100G   1% /data\n!!0",
        ),
        (
            "echo on the node > /host/file; ls /",
            "bin\ncfg\ndata\ndev\netc\nhome\nhost\ninfo\nlib\nproc\nroot\nsys\ntmp\nusr\nvar\n!!0",
        ),
    ];
    for (script, want) in rows {
        assert_eq!(run(&mut cluster, "p", script), want, "{script}");
    }
}

#[test]
fn time_passes_in_commands() {
    let mut cluster = cluster(POD);
    let before = cluster.now();
    assert_eq!(run(&mut cluster, "p", "sleep 1.5 && sleep 1m"), "!!0");
    assert_eq!((cluster.now() - before).as_millis(), 61_500);
    assert_eq!(run(&mut cluster, "p", "sleep x"), "!sleep: invalid time interval 'x'\n!1");
}

#[test]
fn files_go_with_what_they_are_in() {
    let mut cluster = cluster(POD);
    assert_eq!(run(&mut cluster, "p", "echo a > /data/f; echo b > /host/f; echo c > /tmp/f"), "!!0");
    cluster.delete("pod/p").expect("it goes");
    cluster.settle().expect("it settles");
    let pod = POD.split("---").nth(1).expect("the pod");
    cluster.create_yaml(pod).expect("valid");
    cluster.settle().expect("it settles");
    let rows = [
        ("cat /data/f", "!cat: /data/f: No such file or directory\n!1"),
        ("cat /tmp/f", "!cat: /tmp/f: No such file or directory\n!1"),
        ("cat /host/f", "b\n!!0"),
    ];
    for (script, want) in rows {
        assert_eq!(run(&mut cluster, "p", script), want, "{script}");
    }
}

#[test]
fn what_kubectl_refuses() {
    let mut cluster = cluster(POD);
    let mut refusal = |pod: &str, container: Option<&str>| {
        let error = cluster.exec(&format!("pod/{pod}"), container, &["true"]).expect_err("refused");
        match error {
            Error::Api(error) => error.message().to_owned(),
            other => other.to_string(),
        }
    };
    assert_eq!(refusal("q", None), "pods \"q\" not found");
    assert_eq!(refusal("p", Some("x")), "container x not found in pod p");
    let output = cluster.exec("pod/p", None, &["nope"]).expect("it runs");
    let want = "OCI runtime exec failed: exec failed: unable to start container process: exec: \"nope\": executable file \
                not found in $PATH: unknown\n";
    assert_eq!((output.stderr.as_str(), output.exit_code), (want, 127));
}

#[test]
fn paths_are_cleaned() {
    let rows = [("/", "/"), ("/a//b/", "/a/b"), ("/a/./b/../c", "/a/c"), ("/../..", "/"), ("a", "/a")];
    for (path, want) in rows {
        assert_eq!(clean(path), want, "{path}");
    }
}
