package dockertest

import (
	"context"
	"slices"
	"testing"

	"github.com/moby/moby/client"
)

// NothingLeft fails the test when the engine has a container, running or not,
// a network or a volume that carries the label ("key" or "key=value").
func NothingLeft(t testing.TB, engine *client.Client, label string) {
	t.Helper()
	for _, left := range Left(t, engine, label) {
		t.Errorf("left behind with label %s: %s", label, left)
	}
}

// Left names the containers, networks and volumes that carry the label, a kind
// and a name each, sorted.
func Left(t testing.TB, engine *client.Client, label string) []string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	filter := client.Filters{}.Add("label", label)
	var left []string
	containers, err := engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers.Items {
		name := c.ID[:12]
		if len(c.Names) > 0 {
			name = c.Names[0][1:]
		}
		left = append(left, "container "+name+" ("+string(c.State)+")")
	}
	networks, err := engine.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks.Items {
		left = append(left, "network "+n.Name)
	}
	volumes, err := engine.VolumeList(ctx, client.VolumeListOptions{Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range volumes.Items {
		left = append(left, "volume "+v.Name)
	}
	slices.Sort(left)
	return left
}

// Remove removes what carries the label, by force: for a test that makes
// things itself, or that is about to fail.
func Remove(t testing.TB, engine *client.Client, label string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	filter := client.Filters{}.Add("label", label)
	containers, err := engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers.Items {
		if _, err := engine.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			t.Error(err)
		}
	}
	networks, err := engine.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks.Items {
		if _, err := engine.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{}); err != nil {
			t.Error(err)
		}
	}
	volumes, err := engine.VolumeList(ctx, client.VolumeListOptions{Filters: filter})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range volumes.Items {
		if _, err := engine.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}
}
