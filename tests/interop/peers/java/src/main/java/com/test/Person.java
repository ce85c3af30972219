package com.test;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An argument that nests, and that may contain itself. */
public class Person implements Serializable {
    private static final long serialVersionUID = 1L;

    private String name;
    private int age;
    private long id;
    private double score;
    private boolean active;
    private Date born;
    private byte[] photo;
    private Person friend;
    private List<Person> children = new ArrayList<>();
    private Map<String, String> labels = new LinkedHashMap<>();

    public Person() {
    }

    public Person(String name, int age) {
        this.name = name;
        this.age = age;
    }

    /** A person with a friend, two children and every field set; the friend is the person itself if cyclic. */
    public static Person sample(boolean cyclic) {
        Person person = new Person("Zoë 😀", 41);
        person.setId(1L << 40);
        person.setScore(2.5);
        person.setActive(true);
        person.setBorn(new Date(894621091000L));
        person.setPhoto(new byte[] {0, 1, 2, (byte) 0xDA, (byte) 0xBB});
        person.getChildren().add(new Person("Ann", 3));
        person.getChildren().add(new Person("Bo", 5));
        person.getLabels().put("k", "v");
        person.setFriend(cyclic ? person : new Person("Friend", 40));
        return person;
    }

    /** Whether this is what {@link #sample} makes. */
    public boolean isSample(boolean cyclic) {
        return "Zoë 😀".equals(name) && age == 41 && id == 1L << 40 && score == 2.5 && active
                && born.getTime() == 894621091000L && photo.length == 5 && children.size() == 2
                && "Bo".equals(children.get(1).getName()) && "v".equals(labels.get("k"))
                && (cyclic ? friend == this : "Friend".equals(friend.getName()));
    }

    public String getName() {
        return name;
    }

    public void setName(String name) {
        this.name = name;
    }

    public int getAge() {
        return age;
    }

    public void setAge(int age) {
        this.age = age;
    }

    public long getId() {
        return id;
    }

    public void setId(long id) {
        this.id = id;
    }

    public double getScore() {
        return score;
    }

    public void setScore(double score) {
        this.score = score;
    }

    public boolean isActive() {
        return active;
    }

    public void setActive(boolean active) {
        this.active = active;
    }

    public Date getBorn() {
        return born;
    }

    public void setBorn(Date born) {
        this.born = born;
    }

    public byte[] getPhoto() {
        return photo;
    }

    public void setPhoto(byte[] photo) {
        this.photo = photo;
    }

    public Person getFriend() {
        return friend;
    }

    public void setFriend(Person friend) {
        this.friend = friend;
    }

    public List<Person> getChildren() {
        return children;
    }

    public void setChildren(List<Person> children) {
        this.children = children;
    }

    public Map<String, String> getLabels() {
        return labels;
    }

    public void setLabels(Map<String, String> labels) {
        this.labels = labels;
    }
}
